import type { EcsServices } from "../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger } from "../../shared/aws/ledger.ts";
import type { Secrets } from "../../shared/aws/secrets.ts";
import { DependencyError } from "../../shared/contract/errors.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import { type CurrentRotation, findCurrentRotation } from "../../shared/rotation/current-rotation.ts";
import { planRedeploy, type StaleService } from "./plan-redeploy.ts";

export interface RedeployPorts {
  readonly secrets: Pick<Secrets, "describe">;
  readonly ledger: Pick<Ledger, "readVersion" | "listInstances" | "claimRedeploy" | "finishRedeploy">;
  readonly ecs: EcsServices;
  readonly bus: EventBus;
  readonly now: () => Date;
  /** How long a redeploy that was begun and not finished keeps a repeated message out, in milliseconds. */
  readonly claimLeaseMs: number;
}

export interface RedeployOutcome {
  readonly outcome: "superseded" | "checked";
  readonly adopted: number;
  readonly stale: number;
  readonly redeployed: readonly string[];
  readonly withheld: readonly string[];
}

/** The deadline check: forces a new deployment of the services that are still behind, if the credential is known to be good. */
export function createRedeploy(ports: RedeployPorts) {
  const { secrets, ledger, ecs, bus, now } = ports;

  return async (event: RotationEvent): Promise<RedeployOutcome> => {
    const found = await findCurrentRotation(event, secrets);
    if (!found) return { outcome: "superseded", adopted: 0, stale: 0, redeployed: [], withheld: [] };
    const { secretArn, versionId } = found;
    const version = await ledger.readVersion(secretArn, versionId);
    // At the notice the time of the label move was still known to the millisecond.
    const rotation = {
      ...found,
      ...(version.currentSince && { currentSince: new Date(version.currentSince) }),
    };
    const { adopted, stale, staleServices } = planRedeploy({
      versionId,
      currentSince: rotation.currentSince,
      verdict: version.verdict,
      services: await ecs.findUsing(secretArn),
      instances: await ledger.listInstances(secretArn),
    });
    if (staleServices.some(({ decision }) => decision === "wait")) {
      throw new DependencyError("There is no verdict on the credential yet; the check is repeated", {
        details: { secretArn, versionId, stale },
      });
    }

    await bus.publish({ type: "AdoptionChecked", detail: { ...eventBase(rotation), adopted, stale } });
    const redeployed: string[] = [];
    const withheld: string[] = [];
    for (const behind of staleServices) {
      const done = await act(rotation, behind);
      if (done) (behind.decision === "redeploy" ? redeployed : withheld).push(behind.service.serviceArn);
    }
    return { outcome: "checked", adopted, stale, redeployed, withheld };
  };

  function eventBase({ secretArn, versionId }: CurrentRotation) {
    return { v: 1, secretArn, versionId, occurredAt: now().toISOString() } as const;
  }

  /** @returns false where another message about the same version already saw to the service */
  async function act(
    rotation: CurrentRotation,
    { service, staleTasks, decision }: StaleService,
  ): Promise<boolean> {
    const { secretArn, versionId } = rotation;
    const { serviceArn } = service;
    if (decision === "wait") return false;
    if (!(await ledger.claimRedeploy(secretArn, versionId, serviceArn, now(), ports.claimLeaseMs)))
      return false;
    if (decision === "redeploy") {
      await ecs.forceNewDeployment(service);
      await bus.publish({
        type: "ServiceRedeployed",
        detail: { ...eventBase(rotation), serviceArn, staleTasks },
      });
    } else {
      const detail = { ...eventBase(rotation), serviceArn, staleTasks, reason: decision };
      await bus.publish({ type: "RedeployWithheld", detail });
    }
    await ledger.finishRedeploy(secretArn, versionId, serviceArn, now());
    return true;
  }
}
