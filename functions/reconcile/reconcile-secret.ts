import type { EventBus, Signs } from "../../shared/aws/event-bus.ts";
import {
  isRotated,
  type KnownSecret,
  type Ledger,
  type RotationKey,
  type RotationView,
} from "../../shared/aws/ledger.ts";
import type { ParameterFacts, Parameters } from "../../shared/aws/parameters.ts";
import type { SecretFacts, Secrets } from "../../shared/aws/secrets.ts";
import { kindOfSecret } from "../../shared/contract/secret-id.ts";
import {
  countChecks,
  countTries,
  mayAwaitDeployments,
  type PresentSecret,
  planReconcile,
} from "./plan-reconcile.ts";

export interface ReconcileSecretPorts {
  readonly secrets: Pick<Secrets, "describe">;
  readonly parameters: Pick<Parameters, "describe">;
  readonly ledger: Pick<Ledger, "readRotation" | "listDecisions" | "claimMeasurement" | "recordPresence">;
  readonly bus: EventBus;
  readonly signs: Signs;
  readonly now: () => Date;
  /** Awaited before each question about one secret, or to Parameter Store. */
  readonly pace: { readonly secret: () => Promise<void>; readonly parameter: () => Promise<void> };
  /** By then every sign of a rotation has come and every queue has given up, in milliseconds. */
  readonly settledAfterMs: number;
}

/**
 * "missed": no sign had come of the version that is current. "unfinished": it was known, and its handling never ended.
 * "deploymentUnknown": it was handled, and nobody told how a deployment for it ended.
 */
export type FedIn = "missed" | "unfinished" | "deploymentUnknown";

/** "gone": deleted, or about to be; "not-watched": left out by the configuration by now. */
type Asked = PresentSecret | "gone" | "not-watched";

/**
 * Compares one secret with what the ledger knows, and feeds in what is missing, as an event of Keyturn's own, so that
 * every handler runs as ever. Asks about the secret once at the most, and only where the list does not settle it; marks
 * one that is gone, until it is there again.
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
    const rotation = known && isRotated(known) ? known : undefined;
    // Whoever may report can name any secret: about what is known by reports alone nobody is asked.
    if (!rotation && !listed) return undefined;
    const first = planReconcile(rotation, listed, now());
    const isSettled = listed !== undefined && (first === "up-to-date" || first === "unknown");
    const present = isSettled ? listed : await ask(secretArn);
    if (known) await notePresence(known, present);
    if (present === "gone" || present === "not-watched") return undefined;
    const decision = isSettled ? first : planReconcile(rotation, present, now());
    if (decision === "missed") return feedInMissed(secretArn, rotation, present);
    return rotation && decision === "up-to-date" ? feedInAgain(rotation, messageId) : undefined;
  };

  async function notePresence({ secretArn, goneSince }: KnownSecret, present: Asked): Promise<void> {
    const isGone = present === "gone";
    if (isGone !== (goneSince !== undefined))
      await ledger.recordPresence(secretArn, isGone ? now() : undefined);
  }

  async function ask(secretArn: string): Promise<Asked> {
    const kind = kindOfSecret(secretArn);
    if (kind === "secrets-manager") await pace.secret();
    const facts = await secrets.describe(secretArn, () => true);
    if (!facts) return "gone";
    if (facts.isWatched === false) return "not-watched";
    if (kind !== "parameter") return presentSecret(facts);
    await pace.parameter();
    const parameter = await parameters.describe(secretArn, () => true);
    return parameter ? presentParameter(parameter) : "gone";
  }

  async function feedInMissed(
    secretArn: string,
    known: RotationKey | undefined,
    { currentVersionId: versionId = "", lastChangedAt = now() }: PresentSecret,
  ): Promise<FedIn> {
    await feedIn({ secretArn, versionId, currentSince: lastChangedAt.toISOString() }, known?.versionId);
    return "missed";
  }

  async function feedInAgain(known: RotationKey, messageId: string): Promise<FedIn | undefined> {
    const { secretArn, versionId, currentSince } = known;
    const rotation = await ledger.readRotation(known);
    const tries = countTries(known, rotation, now(), settledAfterMs);
    if (tries === undefined) return rotation && feedInUnknown(rotation, messageId);
    if (!(await claim(known, `UNFINISHED#${versionId}#${currentSince}#${tries}`, messageId)))
      return undefined;
    await feedIn({ secretArn, versionId, currentSince }, versionId);
    return "unfinished";
  }

  /** Nothing was missed: the sign alone has a check count anew. */
  async function feedInUnknown(rotation: RotationView, messageId: string): Promise<FedIn | undefined> {
    if (!mayAwaitDeployments(rotation, now())) return undefined;
    const check = countChecks(rotation, await ledger.listDecisions(rotation), now());
    if (!check) return undefined;
    const { versionId, currentSince } = rotation;
    const key = `DEPLOYMENT#${versionId}#${currentSince}#${check.decidedAt}#${check.tries}`;
    if (!(await claim(rotation, key, messageId))) return undefined;
    await sendSign(rotation);
    return "deploymentUnknown";
  }

  /** The claim is the message's, so that a repeated one tells again. */
  function claim({ secretArn }: RotationKey, key: string, messageId: string): Promise<boolean> {
    return ledger.claimMeasurement(secretArn, key, messageId, now());
  }

  async function feedIn(rotation: RotationKey, knownVersionId?: string): Promise<void> {
    const occurredAt = now().toISOString();
    const detail = { v: 1, ...rotation, occurredAt, ...(knownVersionId && { knownVersionId }) } as const;
    await bus.publish({ type: "RotationMissed", detail });
    await sendSign(rotation);
  }

  async function sendSign({ secretArn, versionId, currentSince: occurredAt }: RotationKey): Promise<void> {
    await signs.send({ v: 1, secretArn, versionId, occurredAt, detectedBy: "reconcile" });
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
