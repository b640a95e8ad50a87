import type { DecisionRecord, RotationView } from "../aws/ledger.ts";

/** How long a deployment may take before nobody expects to hear of its end, in milliseconds. */
export const DEPLOYMENT_TOLD_WITHIN_MS = 3_600_000;

/** A deployment that somebody else began serves the rotation as one that was forced for it does. */
const DEPLOYS: ReadonlySet<string> = new Set(["redeploy", "deployment-in-progress"]);

type Decided = Pick<DecisionRecord, "intent" | "decision" | "claimedAt" | "decidedAt" | "deploymentOutcome">;

/** Whether a service was to follow by a deployment of whose end nobody has told. */
export function awaitsDeployment({ intent, decision = intent, deploymentOutcome }: Decided): boolean {
  return DEPLOYS.has(decision) && deploymentOutcome === undefined;
}

/** When it was decided; of what was never finished, when it was claimed. */
export function whenDecided({ claimedAt, decidedAt = claimedAt }: Decided): string {
  return decidedAt;
}

/** Whether a later check of the rotation found no service with a task that is behind. */
export function hasFollowedSince(
  decision: Decided,
  rotation: Pick<RotationView, "checkedAt" | "staleAtCheck"> | undefined,
): boolean {
  const { checkedAt = "", staleAtCheck } = rotation ?? {};
  return staleAtCheck === 0 && checkedAt > whenDecided(decision);
}
