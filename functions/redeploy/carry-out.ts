import {
  DeploymentRefusedError,
  type EcsServices,
  type PrimaryDeployment,
} from "../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger, RotationKey } from "../../shared/aws/ledger.ts";
import type { RedeploySlots, SlotSearch } from "../../shared/aws/redeploy-slots.ts";
import type { RedeployTurns } from "../../shared/aws/redeploy-turns.ts";
import { type DescribeOther, lookAtOthers } from "./other-secrets.ts";
import { reasonOf, type StaleService, type WithholdReason } from "./plan-redeploy.ts";

export interface CarryOutPorts {
  readonly ledger: Pick<Ledger, "claimDecision" | "finishDecision" | "findNewest" | "readCurrentSince">;
  readonly turns: RedeployTurns;
  readonly slots: Pick<RedeploySlots, "release">;
  readonly ecs: Pick<EcsServices, "forceNewDeployment" | "findDeployment">;
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
  /** By service, when a claim to redeploy was made that came to nothing, as the check has seen. */
  readonly seenClaims: ReadonlyMap<string, string>;
  /** False once the check has waited too long: what would wait on is withheld. */
  readonly mayWait: boolean;
  readonly describeOther: DescribeOther;
}

/**
 * What became of one service: "seen-to" where another message about the same rotation has acted or does so now, "waits"
 * where as many others are in deployment as may be, the service itself was deployed by force a moment ago, or another of its
 * secrets has no verdict yet; "superseded" where the version is not current any more.
 */
export type CarriedOut = "redeployed" | "planned" | "withheld" | "seen-to" | "waits" | "superseded";

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
    { claimant, slots, seenClaims, mayWait, describeOther }: CarryOutRound,
  ): Promise<CarriedOut> => {
    const { serviceArn } = service;
    const seenAt = seenClaims.get(serviceArn);
    const describe = () => ({
      ...describeRotation(rotation, now()),
      serviceArn,
      staleTasks,
      ...(service.use === "partly-pinned" && { pinned: true }),
    });
    const claim = (intent: string) =>
      ledger.claimDecision(rotation, serviceArn, intent, claimant, now(), ports.claimLeaseMs, seenAt);
    const finish = (done: string, deploymentId?: string) =>
      ledger.finishDecision(rotation, serviceArn, done, now(), deploymentId);
    const withhold = async (
      reason: WithholdReason,
      deployment?: PrimaryDeployment,
      otherSecretArn?: string,
    ): Promise<CarriedOut> => {
      // A claim of its own that ECS may still be carrying out lapses first.
      if (!(await claim(reason))) return seenAt ? "waits" : "seen-to";
      const detail = { ...describe(), reason, ...(otherSecretArn && { otherSecretArn }) };
      await bus.publish({ type: "RedeployWithheld", detail });
      // A deployment that somebody else began serves this rotation too, and its end is told for it.
      await finish(reason, reason === "deployment-in-progress" ? deployment?.id : undefined);
      if (seenAt) await ports.slots.release(serviceArn, seenAt);
      return "withheld";
    };
    const wait = (): CarriedOut | Promise<CarriedOut> => (mayWait ? "waits" : withhold("waited-too-long"));

    if (decision === "wait") return "seen-to";
    if (decision !== "redeploy") return withhold(decision, service.primaryDeployment);
    if (!ports.dryRun && !(await slots.mayTake(serviceArn))) return wait();
    const others = await lookAtOthers(rotation, service, ledger, describeOther);
    if (others === "wait") return wait();
    if (others) return withhold(others.reason, undefined, others.otherSecretArn);
    if (ports.dryRun) {
      if (!(await claim("dry-run"))) return "seen-to";
      await bus.publish({ type: "RedeployPlanned", detail: describe() });
      await finish("dry-run");
      return "planned";
    }

    // Turn and place come before the claim: a claim says that a deployment was about to be forced, and then it must be.
    const takenAt = now();
    if (!(await turns.take(serviceArn, takenAt, ports.minIntervalMs))) return wait();
    const slot = await slots.take(serviceArn, takenAt);
    const giveBack = async () => {
      await slot?.giveBack();
      await turns.giveBack(serviceArn, takenAt);
    };
    if (!slot) {
      await giveBack();
      return wait();
    }
    const hindrance = await lookAgain(rotation, serviceArn).catch(async (error: unknown) => {
      await giveBack();
      throw error;
    });
    if (hindrance) {
      await giveBack();
      return hindrance === "superseded" ? hindrance : withhold(reasonOf(hindrance), hindrance);
    }
    if (!(await claim(decision))) {
      await giveBack();
      return "seen-to";
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

  /** The check looked some time ago. With the turn in hand, no other check deploys the service meanwhile. */
  async function lookAgain(rotation: RotationKey, serviceArn: string) {
    const { secretArn, versionId, currentSince } = rotation;
    const deployment = await ecs.findDeployment(serviceArn);
    if (deployment && deployment.createdAt.getTime() >= Date.parse(currentSince)) return deployment;
    return (await ledger.readCurrentSince(secretArn, versionId)) === currentSince ? undefined : "superseded";
  }
}
