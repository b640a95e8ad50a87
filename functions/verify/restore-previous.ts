import type { CurrentLabel } from "../../shared/aws/current-label.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger, RotationRecord } from "../../shared/aws/ledger.ts";
import type { Secrets } from "../../shared/aws/secrets.ts";
import type { LoginProbe } from "../../shared/engines/login-probe.ts";
import { findStorePlace, rdsDatabaseOf, type StorePlacePorts } from "./store-place.ts";

export interface RestorePreviousPorts extends StorePlacePorts {
  readonly secrets: Secrets;
  readonly ledger: Pick<Ledger, "claimMeasurement">;
  readonly probe: LoginProbe;
  readonly label: CurrentLabel;
  readonly bus: EventBus;
  readonly now: () => Date;
}

export type RestoreOutcome =
  | "restored"
  /** Another version has become current, or is on its way. */
  | "superseded"
  | "rotation-under-way"
  /** RDS manages the secret. */
  | "managed-by-rds"
  /** There is none, or it does not log in either. */
  | "no-good-previous-version"
  | "restored-before";

/** @param rotation whose credential the store refuses */
export type RestorePrevious = (rotation: RotationRecord, messageId: string) => Promise<RestoreOutcome>;

/**
 * Moves AWSCURRENT from a version that the store refuses back to the one before, so that what starts now gets a
 * credential that works. It gives way to everybody else: to a rotation that has made, or is about to make, another version
 * current, and to whoever moves the label to the refused version once more. That move is a rotation of its own.
 */
export function createRestorePrevious(ports: RestorePreviousPorts): RestorePrevious {
  const { secrets, ledger, probe, label, bus, now } = ports;
  return async ({ secretArn, versionId, currentSince }, messageId) => {
    const facts = await secrets.describe(secretArn, () => true);
    if (facts?.currentVersionId !== versionId) return "superseded";
    const { previousVersionId, pendingVersionId = versionId, tags = {} } = facts;
    // Nobody else may change it: https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
    if (rdsDatabaseOf(tags) !== undefined) return "managed-by-rds";
    // Secrets Manager may leave AWSPENDING on a version that has become current.
    if (pendingVersionId !== versionId) return "rotation-under-way";
    if (!previousVersionId || !(await logsIn(secretArn, previousVersionId)))
      return "no-good-previous-version";
    // Two versions that the store takes and refuses by turns must not be swapped for ever.
    if (!(await ledger.claimMeasurement(secretArn, `restored-from#${versionId}`, messageId, now()))) {
      return "restored-before";
    }
    // Refused where the label has moved since it was looked at.
    if (!(await label.move(secretArn, versionId, previousVersionId))) return "superseded";
    await bus.publish({
      type: "CredentialRestored",
      detail: {
        v: 1,
        secretArn,
        versionId,
        currentSince,
        restoredVersionId: previousVersionId,
        occurredAt: now().toISOString(),
      },
    });
    return "restored";

    async function logsIn(arn: string, previous: string): Promise<boolean> {
      const secret = await secrets.read(arn, previous);
      const place = await findStorePlace({ ...facts, secretArn: arn }, ports);
      if (!secret || "unverifiable" in place) return false;
      const { verdict } = await probe.login(secret, place);
      return verdict === "accepted";
    }
  };
}
