import type { CurrentLabel } from "../../shared/aws/current-label.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { RestoreRecord, Restores } from "../../shared/aws/ledger/restore-rows.ts";
import type { Ledger, RotationKey } from "../../shared/aws/ledger.ts";
import type { SecretFacts, Secrets } from "../../shared/aws/secrets.ts";
import type { LoginProbe } from "../../shared/engines/login-probe.ts";
import { findStorePlace, rdsDatabaseOf, type StorePlacePorts } from "./store-place.ts";

export interface RestorePreviousPorts extends StorePlacePorts {
  readonly secrets: Secrets;
  readonly ledger: Pick<Ledger, "readRotation">;
  readonly restores: Restores;
  readonly probe: LoginProbe;
  readonly label: CurrentLabel;
  readonly bus: EventBus;
  readonly now: () => Date;
  /** How long a claim that was never finished keeps others out, in milliseconds: as long as a function lives. */
  readonly restoreLeaseMs: number;
}

export type RestoreOutcome =
  | "restored"
  /** Another version has become current, or is on its way. */
  | "superseded"
  /** Another message has seen the store take the credential since it was refused. */
  | "accepted-meanwhile"
  | "rotation-under-way"
  /** RDS manages the secret. */
  | "managed-by-rds"
  /** There is none, or it does not log in either. */
  | "no-good-previous-version"
  | "restored-before"
  /** Another message is at it. */
  | "restore-under-way";

/**
 * Moves AWSCURRENT from a version that the store refuses back to the one before, so that what starts now gets a
 * credential that works. It gives way to everybody else: to a rotation that has made, or is about to make, another version
 * current, and to whoever moves the label to the refused version once more. That move is a rotation of its own.
 *
 * The claim comes first, then the move, then the event, then AWSPENDING is taken away, then the note that it was done; whoever
 * comes after a crash finds by the claim what was begun, and by the labels how far it came.
 */
export interface RestorePrevious {
  /** @param rotation whose credential the store has just refused */
  restore(rotation: RotationKey, messageId: string): Promise<RestoreOutcome>;
  /** Goes on where a version is current no more, since it may be this very move that a crash cut short. */
  finish(secretArn: string, versionId: string, messageId: string): Promise<"restored" | "superseded">;
}

export function createRestorePrevious(ports: RestorePreviousPorts): RestorePrevious {
  const { secrets, ledger, restores, probe, label, bus, now, restoreLeaseMs } = ports;

  return {
    async restore(rotation, messageId) {
      const { secretArn, versionId } = rotation;
      const facts = await secrets.describe(secretArn, () => true);
      if (facts?.currentVersionId !== versionId) return finish(secretArn, versionId, messageId);
      const refusal = whyNot(facts, versionId);
      if (refusal) return refusal;
      const { previousVersionId } = facts;
      const begun = await restores.read(secretArn, versionId);
      // Two versions that the store takes and refuses by turns must not be swapped for ever. A claim from before the label
      // came to this version once more may stand for a move as well.
      if (begun?.restoredAt || (begun && begun.currentSince !== rotation.currentSince))
        return "restored-before";
      if (!previousVersionId || !(await logsIn(facts, previousVersionId))) return "no-good-previous-version";
      if (!(await restores.claim(rotation, previousVersionId, messageId, now(), restoreLeaseMs))) {
        return "restore-under-way";
      }
      // A password reaches the parts of a store one after the other: another message may have logged in since.
      if ((await ledger.readRotation(rotation))?.verdict === "accepted") {
        await restores.release(secretArn, versionId, messageId);
        return "accepted-meanwhile";
      }
      // Refused where the label has moved since it was looked at.
      if (await label.move(secretArn, versionId, previousVersionId)) {
        return tell(rotation, previousVersionId, facts);
      }
      return finish(secretArn, versionId, messageId);
    },
    finish,
  };

  async function finish(secretArn: string, versionId: string, messageId: string) {
    const begun = await restores.read(secretArn, versionId);
    if (!begun || begun.restoredAt || isOthers(begun, messageId)) return "superseded";
    const facts = await secrets.describe(secretArn, (seen) => seen?.currentVersionId !== versionId);
    if (isMade(begun, versionId, facts)) {
      return tell({ secretArn, versionId, currentSince: begun.currentSince }, begun.restoreTo, facts);
    }
    await restores.release(secretArn, versionId, begun.claimedBy);
    return "superseded";
  }

  async function tell(
    { secretArn, versionId, currentSince }: RotationKey,
    restoredVersionId: string,
    facts: SecretFacts | undefined,
  ) {
    const restoredAt = now();
    await bus.publish({
      type: "CredentialRestored",
      detail: {
        v: 1,
        secretArn,
        versionId,
        currentSince,
        restoredVersionId,
        occurredAt: restoredAt.toISOString(),
      },
    });
    // Left on a version that is not current, it makes RotateSecret refuse: it takes that for a rotation under way.
    // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    if (facts?.pendingVersionId === versionId) await label.removePending(secretArn, versionId);
    await restores.finish(secretArn, versionId, restoredAt);
    return "restored" as const;
  }

  function isOthers({ claimedBy, claimedAt }: RestoreRecord, messageId: string): boolean {
    return claimedBy !== messageId && now().getTime() - Date.parse(claimedAt) <= restoreLeaseMs;
  }

  async function logsIn(facts: SecretFacts, versionId: string): Promise<boolean> {
    const secret = await secrets.read(facts.secretArn, versionId);
    const place = await findStorePlace(facts, ports);
    if (!secret || "unverifiable" in place) return false;
    const { verdict } = await probe.login(secret, place);
    return verdict === "accepted";
  }
}

/** Whose business the label is, before anybody asks whether the version before is any good. */
function whyNot({ tags = {}, pendingVersionId }: SecretFacts, versionId: string): RestoreOutcome | undefined {
  // Nobody else may change it: https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
  if (rdsDatabaseOf(tags) !== undefined) return "managed-by-rds";
  // Secrets Manager may leave AWSPENDING on a version that has become current.
  const isFree = pendingVersionId === undefined || pendingVersionId === versionId;
  return isFree ? undefined : "rotation-under-way";
}

/**
 * Whether the move that was begun has been made: the version has AWSCURRENT, or had it until another followed, to which it
 * left AWSPREVIOUS. From the refused version that would have gone to the refused one.
 */
function isMade({ restoreTo }: RestoreRecord, versionId: string, facts: SecretFacts | undefined): boolean {
  if (!facts || facts.currentVersionId === versionId) return false;
  return facts.currentVersionId === restoreTo || facts.previousVersionId === restoreTo;
}
