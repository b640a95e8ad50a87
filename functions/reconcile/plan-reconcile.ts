import type { DecisionRecord, InstanceRecord, RotationKey, RotationView } from "../../shared/aws/ledger.ts";
import {
  awaitsDeployment,
  DEPLOYMENT_TOLD_WITHIN_MS,
  hasFollowedSince,
  whenDecided,
} from "../../shared/rotation/awaited-deployment.ts";
import { lastHeardAt } from "../../shared/rotation/last-heard-at.ts";

/** What the secret's store says by now. */
export interface PresentSecret {
  readonly currentVersionId?: string;
  readonly lastChangedAt?: Date;
  /** Whether there was a version before the current one. */
  readonly isRotated?: boolean;
}

/** "settling": its signs may still be under way. "unknown": it has never been rotated while Keyturn watched. */
export type ReconcileDecision = "up-to-date" | "missed" | "settling" | "unknown";

/** Every sign of a change has come by then, if it comes at all: CloudTrail may take minutes. */
export const SIGNS_COME_WITHIN_MS = 5 * 60_000;
/** As long as three runs. A secret that nobody knows is taken for rotated only if it was changed within this time. */
const FIRST_ROTATION_WITHIN_MS = 3 * 60 * 60_000;
/** After a day an operator has seen the alarms, and knows why. */
const TRIED_FOR_MS = 24 * 60 * 60_000;
/** Hundreds of services may wait for their turns for days. */
const WAITING_TRIED_FOR_MS = 7 * TRIED_FOR_MS;
/** Who has not been heard of for so long is gone, and not silent. */
const GONE_AFTER_MS = 7 * 24 * 60 * 60_000;

/**
 * Compares what the ledger knows with what is so.
 *
 * A secret without a rotation is no missed one by itself: else the first run after a deployment would notify,
 * verify and redeploy for every secret of the account.
 */
export function planReconcile(
  known: RotationKey | undefined,
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
  return present?.isRotated && sinceChangeMs < FIRST_ROTATION_WITHIN_MS ? "missed" : "unknown";
}

/**
 * Which try it is to bring a rotation to its end that nobody finished: one without a notice, a verdict or a deadline
 * check, though every sign has come and every queue has given up; or with a check for which services wait, and which came
 * back no more. Tries double their distance, and end after a day, or after a week where services wait.
 *
 * @param rotation undefined where a crash left it without a row
 * @param settledAfterMs since it was last told of, until nothing more can come by itself
 * @returns from 0; undefined where nothing is to be done
 */
export function countTries(
  known: RotationKey,
  rotation: RotationView | undefined,
  now: Date,
  settledAfterMs: number,
): number | undefined {
  const isWaiting = (rotation?.deferredAtCheck ?? 0) > 0;
  if (rotation?.noticedAt && rotation.verdict && rotation.checkedAt && !isWaiting) return undefined;
  // A check for which services wait comes back, and notes each time that it did: until that is long ago, it lives.
  if (isWaiting && now.getTime() - Date.parse(rotation?.checkedAt ?? "") < settledAfterMs) return undefined;
  const toldAt = rotation?.sources.at(-1)?.toldAt ?? known.currentSince;
  const sinceToldMs = now.getTime() - Date.parse(toldAt);
  const triedForMs = isWaiting ? WAITING_TRIED_FOR_MS : TRIED_FOR_MS;
  return countDoublings(sinceToldMs, settledAfterMs, triedForMs);
}

/** Whether so little time has gone by since a rotation that a deployment for it may have been decided on within a day. */
export function mayAwaitDeployments({ currentSince }: RotationKey, now: Date): boolean {
  return now.getTime() - Date.parse(currentSince) < WAITING_TRIED_FOR_MS + TRIED_FOR_MS;
}

/**
 * Which try it is to have a check look again at a rotation for which services were to be deployed, and nobody told for an
 * hour how the last of these deployments ended. Tries double their distance, and end after a day.
 *
 * @returns the try, from 0, and when the last deployment was decided on; undefined where nothing is to be done
 */
export function countChecks(
  rotation: RotationView,
  decisions: readonly DecisionRecord[],
  now: Date,
): { readonly tries: number; readonly decidedAt: string } | undefined {
  const decidedAt = decisions
    .filter((decision) => awaitsDeployment(decision) && !hasFollowedSince(decision, rotation))
    .map(whenDecided)
    .toSorted()
    .at(-1);
  if (decidedAt === undefined) return undefined;
  const sinceDecidedMs = now.getTime() - Date.parse(decidedAt);
  const tries = countDoublings(sinceDecidedMs, DEPLOYMENT_TOLD_WITHIN_MS, TRIED_FOR_MS);
  return tries === undefined ? undefined : { tries, decidedAt };
}

/** How often `firstAfterMs` has doubled by now; undefined before it is over, and once it is given up. */
function countDoublings(sinceMs: number, firstAfterMs: number, givenUpAfterMs: number): number | undefined {
  if (sinceMs < firstAfterMs || sinceMs >= givenUpAfterMs) return undefined;
  return Math.floor(Math.log2(sinceMs / firstAfterMs));
}

/**
 * The instances that have not reported for longer than `silentAfterMs`, are not marked for it yet, and are not so long gone
 * that nobody waits for them.
 * One that runs and is connected repeats its report whenever its channel reconnects, which IoT Core enforces once a day.
 */
export function findSilent(
  instances: readonly InstanceRecord[],
  now: Date,
  silentAfterMs: number,
): InstanceRecord[] {
  return instances.filter((instance) => {
    const heardAt = lastHeardAt(instance);
    if (heardAt === undefined || instance.silentSince !== undefined) return false;
    const silentMs = now.getTime() - Date.parse(heardAt);
    return silentMs > silentAfterMs && silentMs < silentAfterMs + GONE_AFTER_MS;
  });
}
