import type { InstanceRecord, KnownSecret } from "../../shared/aws/ledger.ts";

/** What the secret's store says by now. */
export interface PresentSecret {
  readonly currentVersionId?: string;
  readonly previousVersionId?: string;
  readonly lastChangedAt?: Date;
}

/** "settling": its signs may still be under way. "unknown": it has never been rotated while Keyturn watched. */
export type ReconcileDecision = "up-to-date" | "missed" | "settling" | "unknown";

/** Every sign of a change has come by then, if it comes at all: CloudTrail may take minutes. */
const SIGNS_COME_WITHIN_MS = 5 * 60_000;
/** As long as three runs. A secret that nobody knows is taken for rotated only if it was changed within this time. */
const FIRST_ROTATION_WITHIN_MS = 3 * 60 * 60_000;
/** Who has not been heard of for so long is gone, and not silent. */
const GONE_AFTER_MS = 7 * 24 * 60 * 60_000;

/**
 * Compares what the ledger knows with what is so.
 *
 * A secret without a row is no missed rotation by itself: else the first run after a deployment would notify,
 * verify and redeploy for every secret of the account.
 */
export function planReconcile(
  known: KnownSecret | undefined,
  present: PresentSecret | undefined,
  now: Date,
): ReconcileDecision {
  const current = present?.currentVersionId;
  if (current === undefined) return known ? "up-to-date" : "unknown";
  if (current === known?.versionId) return "up-to-date";
  const sinceChangeMs = now.getTime() - (present?.lastChangedAt?.getTime() ?? 0);
  if (sinceChangeMs < SIGNS_COME_WITHIN_MS) return "settling";
  if (known) return "missed";
  // A secret with one version only was made, and not rotated.
  const isRotated = present?.previousVersionId !== undefined && sinceChangeMs < FIRST_ROTATION_WITHIN_MS;
  return isRotated ? "missed" : "unknown";
}

/** When an instance was last heard of; undefined for a row that tells of nothing. */
export function lastHeardAt({ heardAt, swappedAt, rejectedAt }: InstanceRecord): string | undefined {
  return [heardAt, swappedAt, rejectedAt]
    .filter((at) => at !== undefined)
    .toSorted()
    .at(-1);
}

/**
 * The instances that have not reported for longer than `silentAfterMs`, and are not so long gone that nobody waits for them.
 * One that runs and is connected repeats its report whenever its channel reconnects, which IoT Core enforces once a day.
 */
export function findSilent(
  instances: readonly InstanceRecord[],
  now: Date,
  silentAfterMs: number,
): InstanceRecord[] {
  return instances.filter((instance) => {
    const heardAt = lastHeardAt(instance);
    if (heardAt === undefined) return false;
    const silentMs = now.getTime() - Date.parse(heardAt);
    return silentMs > silentAfterMs && silentMs < silentAfterMs + GONE_AFTER_MS;
  });
}
