import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { DecisionRecord, Ledger } from "../../shared/aws/ledger.ts";
import type { RedeploySlots } from "../../shared/aws/redeploy-slots.ts";
import type { DeploymentChange } from "../../shared/contract/deployment-change.ts";
import type { DomainEvent } from "../../shared/contract/domain-event.ts";
import { describeRotation } from "./carry-out.ts";

export interface FollowDeploymentPorts {
  readonly ledger: Pick<Ledger, "findRedeploys" | "recordDeployment">;
  readonly slots: Pick<RedeploySlots, "release">;
  readonly bus: EventBus;
  readonly now: () => Date;
}

export interface FollowOutcome {
  readonly outcome: "not-ours" | "already-told" | "completed" | "failed";
  readonly serviceArn: string;
  readonly deploymentId: string;
}

/**
 * Tells how a deployment ended that was to bring a version to a service, once for each secret that it brings, and lets the
 * next service have its place. ECS tells of every deployment in the account; most are nobody's business here.
 */
export function createFollowDeployment({ ledger, slots, bus, now }: FollowDeploymentPorts) {
  return async (change: DeploymentChange): Promise<FollowOutcome> => {
    const { serviceArn, deploymentId, outcome } = change;
    const decisions = (await ledger.findRedeploys(deploymentId)).filter(
      (decision) => decision.serviceArn === serviceArn,
    );
    // Each time that ECS tells, so that a crash does not keep the place until it lapses.
    const claimedAt = decisions
      .map((decision) => decision.claimedAt)
      .toSorted()
      .at(-1);
    if (claimedAt) await slots.release(serviceArn, claimedAt);
    const untold = decisions.filter(({ deploymentOutcome }) => deploymentOutcome === undefined);
    for (const decision of untold) {
      await bus.publish(describeEnd(change, decision, now()));
      await ledger.recordDeployment(decision, outcome, new Date(change.endedAt));
    }
    if (decisions.length === 0) return { outcome: "not-ours", serviceArn, deploymentId };
    return { outcome: untold.length === 0 ? "already-told" : outcome, serviceArn, deploymentId };
  };
}

/** The domain event that tells of a deployment's end. */
function describeEnd(
  { serviceArn, deploymentId, outcome, endedAt, reason }: DeploymentChange,
  decision: DecisionRecord,
  at: Date,
): DomainEvent {
  const detail = { ...describeRotation(decision, at), serviceArn, deploymentId };
  if (outcome === "failed") return { type: "RedeployFailed", detail: { ...detail, reason } };
  const tookMs = decision.decidedAt && Date.parse(endedAt) - Date.parse(decision.decidedAt);
  return {
    type: "RedeployCompleted",
    // ECS's time is in whole seconds.
    detail: { ...detail, ...(tookMs !== undefined && tookMs !== "" && { durationMs: Math.max(0, tookMs) }) },
  };
}
