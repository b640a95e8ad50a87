import { DeploymentRefusedError, type EcsServices } from "../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger, RotationKey } from "../../shared/aws/ledger.ts";
import type { RedeployTurns } from "../../shared/aws/redeploy-turns.ts";
import type { StaleService } from "./plan-redeploy.ts";

export interface CarryOutPorts {
  readonly ledger: Pick<Ledger, "claimDecision" | "finishDecision">;
  readonly turns: RedeployTurns;
  readonly ecs: Pick<EcsServices, "forceNewDeployment">;
  readonly bus: EventBus;
  readonly now: () => Date;
  /** How long a decision that was begun and not finished keeps another message out, in milliseconds. */
  readonly claimLeaseMs: number;
  /** Two forced deployments of one service are at least so far apart, in milliseconds. */
  readonly minIntervalMs: number;
  /** Events tell what would be deployed, and nothing is. */
  readonly dryRun: boolean;
}

/**
 * What became of one service: "seen-to" where another message about the same rotation has acted or does so now, "too-soon"
 * where the service was deployed by force a moment ago, for another secret.
 */
export type CarriedOut = "redeployed" | "planned" | "withheld" | "seen-to" | "too-soon";

/** Fields of every domain event about a rotation. */
export function describeRotation({ secretArn, versionId, currentSince }: RotationKey, at: Date) {
  return { v: 1, secretArn, versionId, currentSince, occurredAt: at.toISOString() } as const;
}

/** Carries one decision out, once for each rotation and service, and tells of it. */
export function createCarryOut(ports: CarryOutPorts) {
  const { ledger, turns, ecs, bus, now } = ports;

  return async (rotation: RotationKey, behind: StaleService, claimant: string): Promise<CarriedOut> => {
    const { service, staleTasks, decision } = behind;
    const { serviceArn } = service;
    const describe = () => ({ ...describeRotation(rotation, now()), serviceArn, staleTasks });
    const claim = (intent: string) =>
      ledger.claimDecision(rotation, serviceArn, intent, claimant, now(), ports.claimLeaseMs);
    const finish = (done: string, deploymentId?: string) =>
      ledger.finishDecision(rotation, serviceArn, done, now(), deploymentId);
    const tellOfDeployment = async (deploymentId: string | undefined): Promise<CarriedOut> => {
      const detail = { ...describe(), ...(deploymentId && { deploymentId }) };
      await bus.publish({ type: "ServiceRedeployed", detail });
      await finish("redeploy", deploymentId);
      return "redeployed";
    };

    if (decision === "wait") return "seen-to";
    if (decision !== "redeploy") {
      const intent = await claim(decision);
      if (intent === undefined) return "seen-to";
      const running = service.primaryDeployment?.id;
      // The claim is of a message that forced a deployment and did not live to tell: it is this one.
      if (decision === "deployment-in-progress" && intent === "redeploy") return tellOfDeployment(running);
      await bus.publish({ type: "RedeployWithheld", detail: { ...describe(), reason: decision } });
      // A deployment that somebody else began serves this rotation too, and its end is told for it.
      await finish(decision, decision === "deployment-in-progress" ? running : undefined);
      return "withheld";
    }
    if (ports.dryRun) {
      if ((await claim("dry-run")) === undefined) return "seen-to";
      await bus.publish({ type: "RedeployPlanned", detail: describe() });
      await finish("dry-run");
      return "planned";
    }

    // The turn comes before the claim: a claim says that a deployment was about to be forced, and then it must be.
    const takenAt = now();
    if (!(await turns.take(serviceArn, takenAt, ports.minIntervalMs))) return "too-soon";
    if ((await claim(decision)) === undefined) {
      await turns.giveBack(serviceArn, takenAt);
      return "seen-to";
    }
    const deploymentId = await ecs.forceNewDeployment(service).catch(async (error: unknown) => {
      if (error instanceof DeploymentRefusedError) await turns.giveBack(serviceArn, takenAt);
      throw error;
    });
    return tellOfDeployment(deploymentId);
  };
}
