import type { EcsServices } from "../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger, RotationRecord } from "../../shared/aws/ledger.ts";
import type { Secrets } from "../../shared/aws/secrets.ts";
import { DependencyError } from "../../shared/contract/errors.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import { findCurrentRotation } from "../../shared/rotation/current-rotation.ts";
import { planRedeploy, type StaleService } from "./plan-redeploy.ts";

export interface RedeployPorts {
  readonly secrets: Pick<Secrets, "describe">;
  readonly ledger: Pick<Ledger, "openRotation" | "listInstances" | "claimDecision" | "finishDecision">;
  readonly ecs: EcsServices;
  readonly bus: EventBus;
  readonly now: () => Date;
  /** How long services have to report, in milliseconds. */
  readonly deadlineMs: number;
  /** How long a decision that was begun and not finished keeps another message out, in milliseconds. */
  readonly claimLeaseMs: number;
}

export interface RedeployOutcome {
  readonly outcome: "superseded" | "not-due" | "checked";
  readonly adopted: number;
  readonly stale: number;
  readonly redeployed: readonly string[];
  readonly withheld: readonly string[];
}

const NOTHING_DONE = { adopted: 0, stale: 0, redeployed: [], withheld: [] } as const;
/** A check of the rotation's own comes after the deadline by the queue's delay, on another clock. */
const CLOCKS_DIFFER_MS = 1_000;

/**
 * The deadline check: forces a new deployment of the services that are still behind, if the credential is known to be good.
 *
 * @returns a function of the event and the message's id
 */
export function createRedeploy(ports: RedeployPorts) {
  const { ledger, ecs, bus, now } = ports;

  return async (event: RotationEvent, messageId: string): Promise<RedeployOutcome> => {
    const current = await findCurrentRotation(event, ports);
    if (!current) return { outcome: "superseded", ...NOTHING_DONE };
    const rotation = await ledger.openRotation(current);
    // A late message of an earlier rotation finds the version of a newer one, whose own check is still to come.
    const dueAt = Date.parse(rotation.currentSince) + ports.deadlineMs - CLOCKS_DIFFER_MS;
    if (now().getTime() < dueAt) return { outcome: "not-due", ...NOTHING_DONE };
    const { secretArn, versionId, verdict } = rotation;
    const { adopted, stale, staleServices } = planRedeploy({
      versionId,
      currentSince: new Date(rotation.currentSince),
      verdict,
      services: await ecs.findUsing(secretArn),
      instances: await ledger.listInstances(secretArn),
    });
    if (staleServices.some(({ decision }) => decision === "wait")) {
      throw new DependencyError("There is no verdict on the credential yet; the check is repeated", {
        details: { secretArn, versionId, stale },
      });
    }

    await bus.publish({ type: "AdoptionChecked", detail: { ...eventBase(rotation), adopted, stale } });
    // One service that ECS refuses must not keep the others from their turn.
    const acted = await Promise.allSettled(staleServices.map((behind) => act(rotation, behind, messageId)));
    const failures = acted.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    if (failures.length > 0) {
      throw new DependencyError(
        `${failures.length} of ${staleServices.length} services could not be seen to`,
        {
          // Loggers write a cause's message, and not the errors within it.
          cause: new AggregateError(failures, failures.map(String).join("; ")),
          details: { secretArn, versionId },
        },
      );
    }
    const done = staleServices.filter((_, index) => isFulfilledTrue(acted[index]));
    const arnsOf = (services: readonly StaleService[]) => services.map(({ service }) => service.serviceArn);
    return {
      outcome: "checked",
      adopted,
      stale,
      redeployed: arnsOf(done.filter(({ decision }) => decision === "redeploy")),
      withheld: arnsOf(done.filter(({ decision }) => decision !== "redeploy")),
    };
  };

  function eventBase({ secretArn, versionId, currentSince }: RotationRecord) {
    return { v: 1, secretArn, versionId, currentSince, occurredAt: now().toISOString() } as const;
  }

  /** @returns false where another message about the same rotation already saw to the service */
  async function act(rotation: RotationRecord, behind: StaleService, messageId: string): Promise<boolean> {
    const { service, staleTasks, decision } = behind;
    const { serviceArn } = service;
    if (decision === "wait") return false;
    const intent = await ledger.claimDecision(
      rotation,
      serviceArn,
      decision,
      messageId,
      now(),
      ports.claimLeaseMs,
    );
    if (intent === undefined) return false;
    const detail = { ...eventBase(rotation), serviceArn, staleTasks };
    // A deployment that runs may be the one that this claim forced before a crash.
    const isForced = decision === "deployment-in-progress" && intent === "redeploy";
    if (decision === "redeploy") await ecs.forceNewDeployment(service);
    if (decision === "redeploy" || isForced) await bus.publish({ type: "ServiceRedeployed", detail });
    else await bus.publish({ type: "RedeployWithheld", detail: { ...detail, reason: decision } });
    await ledger.finishDecision(rotation, serviceArn, isForced ? intent : decision, now());
    return true;
  }
}

function isFulfilledTrue(result: PromiseSettledResult<boolean> | undefined): boolean {
  return result?.status === "fulfilled" && result.value;
}
