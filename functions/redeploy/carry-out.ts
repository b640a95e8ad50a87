import { DeploymentRefusedError, type EcsServices } from "../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger, RotationKey } from "../../shared/aws/ledger.ts";
import type { SlotSearch } from "../../shared/aws/redeploy-slots.ts";
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

/** Who carries out, and where the places for deployments are looked for. */
export interface CarryOutRound {
  /** Id of the message that began the check. */
  readonly claimant: string;
  readonly slots: SlotSearch;
}

/**
 * What became of one service: "seen-to" where another message about the same rotation has acted or does so now, "waits"
 * where as many others are in deployment as may be, or the service itself was deployed by force a moment ago.
 */
export type CarriedOut = "redeployed" | "planned" | "withheld" | "seen-to" | "waits";

/** Fields of every domain event about a rotation. */
export function describeRotation({ secretArn, versionId, currentSince }: RotationKey, at: Date) {
  return { v: 1, secretArn, versionId, currentSince, occurredAt: at.toISOString() } as const;
}

/** Carries one decision out, once for each rotation and service, and tells of it. */
export function createCarryOut(ports: CarryOutPorts) {
  const { ledger, turns, ecs, bus, now } = ports;

  return async (
    rotation: RotationKey,
    { service, staleTasks, decision }: StaleService,
    { claimant, slots }: CarryOutRound,
  ): Promise<CarriedOut> => {
    const { serviceArn } = service;
    const describe = () => ({
      ...describeRotation(rotation, now()),
      serviceArn,
      staleTasks,
      ...(service.use === "partly-pinned" && { pinned: true }),
    });
    const claim = (intent: string) =>
      ledger.claimDecision(rotation, serviceArn, intent, claimant, now(), ports.claimLeaseMs);
    const finish = (done: string, deploymentId?: string) =>
      ledger.finishDecision(rotation, serviceArn, done, now(), deploymentId);

    if (decision === "wait") return "seen-to";
    if (decision !== "redeploy") {
      if (!(await claim(decision))) return "seen-to";
      await bus.publish({ type: "RedeployWithheld", detail: { ...describe(), reason: decision } });
      // A deployment that somebody else began serves this rotation too, and its end is told for it.
      const running = decision === "deployment-in-progress" ? service.primaryDeployment?.id : undefined;
      await finish(decision, running);
      return "withheld";
    }
    if (ports.dryRun) {
      if (!(await claim("dry-run"))) return "seen-to";
      await bus.publish({ type: "RedeployPlanned", detail: describe() });
      await finish("dry-run");
      return "planned";
    }

    // Turn and place come before the claim: a claim says that a deployment was about to be forced, and then it must be.
    if (!(await slots.mayTake(serviceArn))) return "waits";
    const takenAt = now();
    if (!(await turns.take(serviceArn, takenAt, ports.minIntervalMs))) return "waits";
    const slot = await slots.take(serviceArn, takenAt);
    const giveBack = async () => {
      await slot?.giveBack();
      await turns.giveBack(serviceArn, takenAt);
    };
    if (!slot || !(await claim(decision))) {
      await giveBack();
      return slot ? "seen-to" : "waits";
    }
    const deploymentId = await ecs.forceNewDeployment(service).catch(async (error: unknown) => {
      if (error instanceof DeploymentRefusedError) await giveBack();
      throw error;
    });
    const detail = { ...describe(), ...(deploymentId && { deploymentId }) };
    await bus.publish({ type: "ServiceRedeployed", detail });
    await finish("redeploy", deploymentId);
    return "redeployed";
  };
}
