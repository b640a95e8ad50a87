import type { EventBus, Signs } from "../../shared/aws/event-bus.ts";
import type { InstanceRecord, KnownSecret, Ledger } from "../../shared/aws/ledger.ts";
import type { Parameters } from "../../shared/aws/parameters.ts";
import type { SecretList } from "../../shared/aws/secret-list.ts";
import type { SecretFacts, Secrets } from "../../shared/aws/secrets.ts";
import { DependencyError } from "../../shared/contract/errors.ts";
import { kindOfSecret } from "../../shared/contract/secret-id.ts";
import { findSilent, lastHeardAt, type PresentSecret, planReconcile } from "./plan-reconcile.ts";

export interface ReconcilePorts {
  readonly secrets: Pick<Secrets, "describe">;
  readonly parameters: Parameters;
  readonly list: Pick<SecretList, "watched">;
  readonly ledger: Pick<Ledger, "listSecrets" | "listInstances" | "claimMeasurement">;
  readonly bus: EventBus;
  readonly signs: Signs;
  readonly emit: (measurement: { readonly name: "SecretsReconciled"; readonly value: number }) => void;
  readonly now: () => Date;
  /** Awaited before each question about one secret, or one parameter. */
  readonly pace: { readonly secret: () => Promise<void>; readonly parameter: () => Promise<void> };
  /** How long an instance may go without a report, in milliseconds. */
  readonly silentAfterMs: number;
}

export interface ReconcileOutcome {
  readonly outcome: "reconciled";
  /** Secrets that were compared. */
  readonly secrets: number;
  /** ARNs whose rotation had been missed. */
  readonly missed: readonly string[];
  /** Instances that fell silent since the last run. */
  readonly silent: readonly string[];
}

/**
 * The net under all sources: compares what is current with what the ledger knows, and feeds in what no sign told of, as
 * an event of Keyturn's own, so that every handler runs as ever. Asks about a secret once in a run at the most, and only
 * where the list does not show the known version.
 *
 * @returns a function of the message's id
 * @throws DependencyError where some secrets could not be seen to; the others have been
 */
export function createReconcile(ports: ReconcilePorts) {
  const { secrets, parameters, list, ledger, bus, signs, emit, now, pace, silentAfterMs } = ports;

  return async (messageId: string): Promise<ReconcileOutcome> => {
    const listed = new Map<string, SecretFacts>();
    for await (const facts of list.watched()) listed.set(facts.secretArn, facts);
    const known = new Map<string, KnownSecret>();
    for await (const secret of ledger.listSecrets()) known.set(secret.secretArn, secret);

    const all = [...new Set([...known.keys(), ...listed.keys()])];
    const missed: string[] = [];
    const silent: string[] = [];
    const failures: unknown[] = [];
    for (const secretArn of all) {
      try {
        if (await feedInMissed(secretArn, known.get(secretArn), listed.get(secretArn)))
          missed.push(secretArn);
        if (known.has(secretArn)) silent.push(...(await tellOfSilent(secretArn, messageId)));
      } catch (error) {
        // One secret that cannot be asked about must not keep the others from their turn.
        failures.push(error);
      }
    }
    emit({ name: "SecretsReconciled", value: all.length - failures.length });
    if (failures.length > 0) {
      throw new DependencyError(`${failures.length} of ${all.length} secrets could not be reconciled`, {
        cause: failures[0],
      });
    }
    return { outcome: "reconciled", secrets: all.length, missed, silent };
  };

  async function feedInMissed(
    secretArn: string,
    known: KnownSecret | undefined,
    listed: SecretFacts | undefined,
  ): Promise<boolean> {
    // What the list shows may be minutes old, so it settles only what is in order.
    const first = planReconcile(known, listed, now());
    if (listed && (first === "up-to-date" || first === "unknown")) return false;
    const present = await ask(secretArn);
    if (!present || planReconcile(known, present, now()) !== "missed") return false;

    const { currentVersionId: versionId = "", lastChangedAt = now() } = present;
    const currentSince = lastChangedAt.toISOString();
    const base = { v: 1, secretArn, versionId } as const;
    await bus.publish({
      type: "RotationMissed",
      detail: {
        ...base,
        currentSince,
        occurredAt: now().toISOString(),
        ...(known && { knownVersionId: known.versionId }),
      },
    });
    await signs.send({ ...base, occurredAt: currentSince, detectedBy: "reconcile" });
    return true;
  }

  /** Undefined where nobody can be asked, or the configuration leaves the secret out by now. */
  async function ask(secretArn: string): Promise<PresentSecret | undefined> {
    const isParameter = kindOfSecret(secretArn) === "parameter";
    await (isParameter ? pace.parameter() : pace.secret());
    const facts = await secrets.describe(secretArn, () => true);
    if (!facts || facts.isWatched === false) return undefined;
    if (!isParameter) return facts;
    const parameter = await parameters.describe(secretArn, () => true);
    return parameter && { currentVersionId: parameter.versionId, lastChangedAt: parameter.lastChangedAt };
  }

  async function tellOfSilent(secretArn: string, messageId: string): Promise<string[]> {
    const told: string[] = [];
    for (const instance of findSilent(await ledger.listInstances(secretArn), now(), silentAfterMs)) {
      if (await tellOnce(secretArn, instance, messageId)) told.push(instance.instanceId);
    }
    return told;
  }

  /** Once for each silence, though every run finds it. The claim is the message's, so that a repeated one tells again. */
  async function tellOnce(secretArn: string, instance: InstanceRecord, messageId: string): Promise<boolean> {
    const heardAt = lastHeardAt(instance);
    const versionId = instance.versionId ?? instance.rejectedVersionId;
    if (!heardAt || !versionId) return false;
    const { instanceId, service } = instance;
    const claim = `SILENT#${instanceId}#${heardAt}`;
    if (!(await ledger.claimMeasurement(secretArn, claim, messageId, now()))) return false;
    const silentSince = new Date(Date.parse(heardAt) + silentAfterMs).toISOString();
    await bus.publish({
      type: "InstanceSilent",
      detail: {
        v: 1,
        secretArn,
        versionId,
        occurredAt: silentSince,
        instanceId,
        service,
        lastHeardAt: heardAt,
      },
    });
    return true;
  }
}
