import type { EcsServices, PrimaryDeployment } from "../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import { isFinal } from "../../shared/aws/ledger/decision-rows.ts";
import type { DecisionRecord, Ledger, RotationKey } from "../../shared/aws/ledger.ts";
import type { RedeploySlots } from "../../shared/aws/redeploy-slots.ts";
import { describeRotation } from "./carry-out.ts";
import { createFollowDeployment, type FollowDeploymentPorts } from "./follow-deployment.ts";
import type { RedeployPlan } from "./plan-redeploy.ts";

export interface FinishClaimsPorts extends FollowDeploymentPorts {
  readonly ledger: Pick<
    Ledger,
    "claimDecision" | "finishDecision" | "findRedeploys" | "recordDeployment" | "listDecisions"
  >;
  readonly ecs: Pick<EcsServices, "findDeployment">;
  readonly slots: Pick<RedeploySlots, "release">;
  readonly bus: EventBus;
  readonly now: () => Date;
  /** After this, in milliseconds, whoever has claimed and not finished never will. */
  readonly claimLeaseMs: number;
}

/** What a rotation's decisions say before a check looks at its services. */
export interface KnownDecisions {
  /** Services about which nobody can decide any more. */
  readonly decided: ReadonlySet<string>;
  /** Claims that were not finished: of a message that crashed, or of this check's own. */
  readonly unfinished: readonly DecisionRecord[];
  /** Decisions that stand as long as the service is behind, and may be overtaken. */
  readonly forNow: readonly DecisionRecord[];
}

export interface FinishedClaims {
  readonly redeployed: readonly string[];
  /** Claims of which it cannot be told yet what they came to. */
  readonly waiting: readonly string[];
  /** Claims to redeploy that came to nothing, of services that are behind: by service, when they were made. */
  readonly seenClaims: ReadonlyMap<string, string>;
}

/**
 * Sees to decisions that nobody else will. Of claims whose handlers did not live to tell what they did, ECS knows: a claim is
 * made only where no deployment has begun since the version became current, so that one which has begun by now is taken for
 * that claim's. It may be somebody else's who deployed in the seconds in between, or, where the handler crashed before it
 * asked ECS, later; that one serves the rotation too, and its end is told as well.
 */
export function createFinishClaims(ports: FinishClaimsPorts) {
  const { ledger, ecs, slots, bus, now, claimLeaseMs } = ports;
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

  /** Nothing was deployed, and nothing need be: the tasks have reported the version, were replaced, or are gone. */
  const end = async (rotation: RotationKey, known: DecisionRecord, claimant: string): Promise<void> => {
    const { serviceArn, claimedAt } = known;
    const decision = "no-longer-behind";
    if (
      !(await ledger.claimDecision(rotation, serviceArn, decision, claimant, now(), claimLeaseMs, claimedAt))
    )
      return;
    await ledger.finishDecision(rotation, serviceArn, decision, now());
    // Who withheld took no place: what the service holds is another secret's, whose deployment is under way.
    if (isRedeployOpen(known)) await slots.release(serviceArn, claimedAt);
  };

  return {
    async read(rotation: RotationKey, claimant: string): Promise<KnownDecisions> {
      const decisions = await ledger.listDecisions(rotation);
      return {
        decided: new Set(decisions.filter(isFinal).map(({ serviceArn }) => serviceArn)),
        unfinished: decisions.filter(
          (one) => one.decision === undefined && (one.claimedBy === claimant || isLapsed(one)),
        ),
        forNow: decisions.filter((one) => one.decision !== undefined && !isFinal(one)),
      };
    },

    /** @param hasTime whether there is time for another one: the rest waits */
    async finish(
      rotation: RotationKey,
      { unfinished, forNow }: KnownDecisions,
      plan: RedeployPlan,
      claimant: string,
      hasTime: () => boolean,
    ): Promise<FinishedClaims> {
      const redeployed: string[] = [];
      const waiting: string[] = [];
      const seenClaims = new Map<string, string>();
      for (const known of [...unfinished, ...forNow]) {
        const { serviceArn, claimedAt } = known;
        const behind = plan.staleServices.find(({ service }) => service.serviceArn === serviceArn);
        const isRedeploy = isRedeployOpen(known);
        // What is behind and was not about to be deployed is decided anew.
        if (!isRedeploy && behind) continue;
        if (!hasTime()) {
          waiting.push(serviceArn);
          continue;
        }
        if (!isRedeploy) {
          await end(rotation, known, claimant);
          continue;
        }
        // As it is now: what the plan was made of may have been listed before the claim.
        const deployment = await ecs.findDeployment(serviceArn);
        if (deployment && deployment.createdAt.getTime() >= Date.parse(rotation.currentSince)) {
          const pinned = behind?.service.use === "partly-pinned";
          await tell(rotation, known, { deployment, staleTasks: behind?.staleTasks ?? 0, pinned });
          redeployed.push(serviceArn);
        } else if (behind?.decision !== "redeploy" && !isLapsed(known)) {
          waiting.push(serviceArn);
        } else if (behind) {
          // The deployment never was. It is about to be, or is withheld for the reason that there is now.
          seenClaims.set(serviceArn, claimedAt);
        } else {
          await end(rotation, known, claimant);
        }
      }
      return { redeployed, waiting, seenClaims };
    },
  };
}

/** Whether somebody was about to force a deployment, and has not told whether it was. */
function isRedeployOpen({ decision, intent }: DecisionRecord): boolean {
  return decision === undefined && intent === "redeploy";
}

/** A deployment that was forced, and of whom. */
interface Deployed {
  readonly deployment: PrimaryDeployment;
  readonly staleTasks: number;
  readonly pinned: boolean;
}
