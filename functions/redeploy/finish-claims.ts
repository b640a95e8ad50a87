import type { EcsServices, PrimaryDeployment } from "../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import { isFinal } from "../../shared/aws/ledger/decision-rows.ts";
import type { DecisionRecord, Ledger, RotationKey } from "../../shared/aws/ledger.ts";
import { describeRotation } from "./carry-out.ts";
import { createFollowDeployment, type FollowDeploymentPorts } from "./follow-deployment.ts";
import type { RedeployPlan } from "./plan-redeploy.ts";

export interface FinishClaimsPorts extends FollowDeploymentPorts {
  readonly ledger: Pick<
    Ledger,
    "claimDecision" | "finishDecision" | "findRedeploys" | "recordDeployment" | "listDecisions"
  >;
  readonly ecs: Pick<EcsServices, "findDeployment">;
  readonly bus: EventBus;
  readonly now: () => Date;
  /** After this, in milliseconds, whoever has claimed and not finished never will. */
  readonly claimLeaseMs: number;
}

/** What a rotation's decisions say before a check looks at its services. */
export interface KnownDecisions {
  /** Services about which nobody can decide any more. */
  readonly decided: ReadonlySet<string>;
  /** Claims to redeploy that were not finished: of a message that crashed, or of this check's own. */
  readonly unfinished: readonly DecisionRecord[];
}

export interface FinishedClaims {
  readonly redeployed: readonly string[];
  /** Claims of which it cannot be told yet what they came to. */
  readonly waiting: readonly string[];
}

/**
 * Sees to claims of handlers that did not live to tell what they did. ECS knows: a claim is made only where no deployment
 * has begun since the version became current, so that one which has begun by now is that claim's.
 */
export function createFinishClaims(ports: FinishClaimsPorts) {
  const { ledger, ecs, bus, now, claimLeaseMs } = ports;
  const follow = createFollowDeployment(ports);
  const isLapsed = ({ claimedAt }: DecisionRecord) => Date.parse(claimedAt) < now().getTime() - claimLeaseMs;

  const tell = async (rotation: RotationKey, claim: DecisionRecord, found: Deployed): Promise<void> => {
    const { serviceArn } = claim;
    const { deployment, staleTasks, pinned } = found;
    const { id: deploymentId, ended } = deployment;
    const base = { ...describeRotation(rotation, now()), serviceArn, staleTasks };
    const detail = { ...base, ...(pinned && { pinned }), ...(deploymentId && { deploymentId }) };
    await bus.publish({ type: "ServiceRedeployed", detail });
    await ledger.finishDecision(rotation, serviceArn, "redeploy", now(), deploymentId);
    if (!deploymentId || !ended) return;
    // ECS told of the end when nobody knew yet whose deployment it was.
    const { at, reason } = ended;
    const outcome = deployment.hasFailed ? "failed" : "completed";
    await follow({ serviceArn, deploymentId, outcome, endedAt: at.toISOString(), reason });
  };

  return {
    async read(rotation: RotationKey, claimant: string): Promise<KnownDecisions> {
      const decisions = await ledger.listDecisions(rotation);
      return {
        decided: new Set(decisions.filter(isFinal).map(({ serviceArn }) => serviceArn)),
        unfinished: decisions.filter(
          (one) =>
            one.decision === undefined &&
            one.intent === "redeploy" &&
            (one.claimedBy === claimant || isLapsed(one)),
        ),
      };
    },

    async finish(
      rotation: RotationKey,
      unfinished: readonly DecisionRecord[],
      plan: RedeployPlan,
      claimant: string,
    ): Promise<FinishedClaims> {
      const redeployed: string[] = [];
      const waiting: string[] = [];
      for (const claim of unfinished) {
        const { serviceArn } = claim;
        const behind = plan.staleServices.find(({ service }) => service.serviceArn === serviceArn);
        // Nothing but its claim may lead to it by now: where its old task alone had reported, for one.
        const deployment = behind ? behind.service.primaryDeployment : await ecs.findDeployment(serviceArn);
        if (deployment && deployment.createdAt.getTime() >= Date.parse(rotation.currentSince)) {
          const pinned = behind?.service.use === "partly-pinned";
          await tell(rotation, claim, { deployment, staleTasks: behind?.staleTasks ?? 0, pinned });
          redeployed.push(serviceArn);
        } else if (behind?.decision === "redeploy") {
          // The deployment never was; it is about to be.
        } else if (!isLapsed(claim)) {
          waiting.push(serviceArn);
        } else if (!behind) {
          await end(rotation, serviceArn, claimant);
        }
        // Else it is withheld for the reason that it has now, as if nobody had claimed it.
      }
      return { redeployed, waiting };
    },
  };

  /** Nothing was deployed, and nothing need be: the tasks have reported the version, or are gone. */
  async function end(rotation: RotationKey, serviceArn: string, claimant: string): Promise<void> {
    const decision = "no-longer-behind";
    if (await ledger.claimDecision(rotation, serviceArn, decision, claimant, now(), claimLeaseMs)) {
      await ledger.finishDecision(rotation, serviceArn, decision, now());
    }
  }
}

/** A deployment that was forced, and of whom. */
interface Deployed {
  readonly deployment: PrimaryDeployment;
  readonly staleTasks: number;
  readonly pinned: boolean;
}
