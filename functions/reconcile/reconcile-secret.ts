import type { EventBus, Signs } from "../../shared/aws/event-bus.ts";
import type { KnownSecret, Ledger } from "../../shared/aws/ledger.ts";
import type { ParameterFacts, Parameters } from "../../shared/aws/parameters.ts";
import type { SecretFacts, Secrets } from "../../shared/aws/secrets.ts";
import { kindOfSecret } from "../../shared/contract/secret-id.ts";
import { countTries, type PresentSecret, planReconcile } from "./plan-reconcile.ts";

export interface ReconcileSecretPorts {
  readonly secrets: Pick<Secrets, "describe">;
  readonly parameters: Pick<Parameters, "describe">;
  readonly ledger: Pick<Ledger, "readRotation" | "claimMeasurement">;
  readonly bus: EventBus;
  readonly signs: Signs;
  readonly now: () => Date;
  /** Awaited before each question about one secret, or to Parameter Store. */
  readonly pace: { readonly secret: () => Promise<void>; readonly parameter: () => Promise<void> };
  /** By then every sign of a rotation has come and every queue has given up, in milliseconds. */
  readonly settledAfterMs: number;
}

/** "missed": no sign had come of the version that is current. "unfinished": it was known, and its handling never ended. */
export type FedIn = "missed" | "unfinished";

/**
 * Compares one secret with what the ledger knows, and feeds in what is missing, as an event of Keyturn's own, so that
 * every handler runs as ever. Asks about the secret once at the most, and only where the list does not settle it.
 *
 * @returns a function of the ARN, the ledger's row, what a list shows, and the message's id; undefined where all is well
 */
export function createReconcileSecret(ports: ReconcileSecretPorts) {
  const { secrets, parameters, ledger, bus, signs, now, pace, settledAfterMs } = ports;

  return async (
    secretArn: string,
    known: KnownSecret | undefined,
    listed: PresentSecret | undefined,
    messageId: string,
  ): Promise<FedIn | undefined> => {
    // What the list shows may be minutes old, so it settles only what is in order.
    const first = planReconcile(known, listed, now());
    const isSettled = listed !== undefined && (first === "up-to-date" || first === "unknown");
    const present = isSettled ? listed : await ask(secretArn);
    if (!present) return undefined;
    const decision = isSettled ? first : planReconcile(known, present, now());
    if (decision === "missed") return feedInMissed(secretArn, known, present);
    return known && decision === "up-to-date" ? feedInUnfinished(known, messageId) : undefined;
  };

  /** Undefined for what is gone, or left out by the configuration by now. */
  async function ask(secretArn: string): Promise<PresentSecret | undefined> {
    const kind = kindOfSecret(secretArn);
    if (kind === "secrets-manager") await pace.secret();
    const facts = await secrets.describe(secretArn, () => true);
    if (!facts || facts.isWatched === false) return undefined;
    if (kind !== "parameter") return presentSecret(facts);
    await pace.parameter();
    const parameter = await parameters.describe(secretArn, () => true);
    return parameter && presentParameter(parameter);
  }

  async function feedInMissed(
    secretArn: string,
    known: KnownSecret | undefined,
    { currentVersionId: versionId = "", lastChangedAt = now() }: PresentSecret,
  ): Promise<FedIn> {
    await feedIn({ secretArn, versionId, currentSince: lastChangedAt.toISOString() }, known?.versionId);
    return "missed";
  }

  async function feedInUnfinished(known: KnownSecret, messageId: string): Promise<FedIn | undefined> {
    const rotation = await ledger.readRotation(known);
    const tries = countTries(known, rotation, now(), settledAfterMs);
    if (tries === undefined) return undefined;
    const { secretArn, versionId, currentSince } = known;
    const claim = `UNFINISHED#${versionId}#${currentSince}#${tries}`;
    // The claim is the message's, so that a repeated one tells again.
    if (!(await ledger.claimMeasurement(secretArn, claim, messageId, now()))) return undefined;
    await feedIn({ secretArn, versionId, currentSince }, versionId);
    return "unfinished";
  }

  async function feedIn({ currentSince, ...version }: KnownSecret, knownVersionId?: string): Promise<void> {
    const base = { v: 1, ...version } as const;
    const occurredAt = now().toISOString();
    const detail = { ...base, currentSince, occurredAt, ...(knownVersionId && { knownVersionId }) };
    await bus.publish({ type: "RotationMissed", detail });
    await signs.send({ ...base, occurredAt: currentSince, detectedBy: "reconcile" });
  }
}

export function presentSecret({
  currentVersionId,
  previousVersionId,
  lastChangedAt,
}: SecretFacts): PresentSecret {
  return {
    ...(currentVersionId && { currentVersionId }),
    ...(lastChangedAt && { lastChangedAt }),
    isRotated: previousVersionId !== undefined,
  };
}

/** A parameter's versions are numbered from 1. */
export function presentParameter({ versionId, lastChangedAt }: ParameterFacts): PresentSecret {
  return { currentVersionId: versionId, lastChangedAt, isRotated: versionId !== "1" };
}
