import type { EcsServices } from "../../shared/aws/ecs-services.ts";
import type { InstanceRecord, Ledger, RotationRecord } from "../../shared/aws/ledger.ts";
import type { Secrets } from "../../shared/aws/secrets.ts";
import { DependencyError } from "../../shared/contract/errors.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import { findRotation } from "../../shared/rotation/current-rotation.ts";
import { type CarriedOut, type CarryOutPorts, createCarryOut, describeRotation } from "./carry-out.ts";
import { lastHeardAt, planRedeploy, type RedeployPlan, type StaleService } from "./plan-redeploy.ts";

export interface RedeployPorts extends CarryOutPorts {
  readonly secrets: Pick<Secrets, "describe">;
  readonly ledger: Pick<Ledger, "openRotation" | "listInstances" | "claimDecision" | "finishDecision">;
  readonly ecs: EcsServices;
  /** How long services have to report, in milliseconds. */
  readonly deadlineMs: number;
  /** How many services may be in deployment for one rotation at a time. */
  readonly maxConcurrentRedeploys: number;
  /** Whether a credential that could not be tried may lead to a deployment. */
  readonly mayRedeployUnverified: boolean;
  /** How long an instance outside ECS may be silent before it is taken for gone, in milliseconds. */
  readonly silentAfterMs: number;
}

export interface RedeployOutcome {
  readonly outcome: "superseded" | "not-watched" | "not-due" | "checked" | "deferred";
  readonly adopted: number;
  readonly stale: number;
  readonly redeployed: readonly string[];
  /** Dry run. */
  readonly planned: readonly string[];
  readonly withheld: readonly string[];
  /** Services that wait for the next round. */
  readonly deferred: number;
  /** What could not be seen to, and comes again with the next round. */
  readonly failures: readonly string[];
}

const NOTHING_DONE = {
  adopted: 0,
  stale: 0,
  redeployed: [],
  planned: [],
  withheld: [],
  deferred: 0,
  failures: [],
} as const;
/** A check of the rotation's own comes after the deadline by the queue's delay, on another clock. */
const CLOCKS_DIFFER_MS = 1_000;
/** A deployment that takes longer does not keep the other services waiting. */
const LONGEST_IN_THE_WAY_MS = 15 * 60_000;
/** With the default pause, four hours: whatever waits still then will not be ready by waiting. */
const MOST_ROUNDS = 500;
const MOST_EXAMPLES = 20;

/**
 * The deadline check: forces a new deployment of the services that are still behind, if the credential is known to be good.
 * Services that would be too many at once wait: an event of the check's own brings it back, when some are done.
 *
 * @returns a function of the event, the id of the message that began the check, and how often it has come back since
 */
export function createRedeploy(ports: RedeployPorts) {
  const { ledger, ecs, bus, now } = ports;
  const carryOut = createCarryOut(ports);

  return async (event: RotationEvent, claimant: string, round = 0): Promise<RedeployOutcome> => {
    const current = await findRotation(event, ports);
    if (typeof current === "string") return { outcome: current, ...NOTHING_DONE };
    const rotation = await ledger.openRotation(current);
    if (rotation.supersededBy !== undefined) return { outcome: "superseded", ...NOTHING_DONE };
    // A late message of an earlier rotation finds the version of a newer one, whose own check is still to come.
    const dueAt = Date.parse(rotation.currentSince) + ports.deadlineMs - CLOCKS_DIFFER_MS;
    if (now().getTime() < dueAt) return { outcome: "not-due", ...NOTHING_DONE };

    const { adopted, stale, unmanaged, staleServices } = await lookAt(rotation);
    const base = describeRotation(rotation, now());
    await bus.publish({ type: "AdoptionChecked", detail: { ...base, adopted, stale } });
    // An instance that keeps the old credential because the new one is bad does what it should.
    if (unmanaged.length > 0 && rotation.verdict !== "rejected" && round === 0) {
      const examples = unmanaged.slice(0, MOST_EXAMPLES);
      await bus.publish({
        type: "StaleUnmanaged",
        detail: { ...base, instances: unmanaged.length, examples },
      });
    }
    const { done, deferred, failures } = await actOn(rotation, staleServices, claimant);
    if (deferred > 0 && round < MOST_ROUNDS) {
      const { source: detectedBy, occurredAt: toldAt } = event;
      const detail = { ...describeRotation(rotation, now()), deferred, round: round + 1, claimant };
      await bus.publish({ type: "RedeployDeferred", detail: { ...detail, detectedBy, toldAt } });
    } else if (deferred > 0 || failures.length > 0) {
      // What failed comes again with whatever was deferred; where nothing was, with this message.
      throw new DependencyError(
        `${failures.length} of ${staleServices.length} services could not be seen to, and ${deferred} wait`,
        {
          // Loggers write a cause's message, and not the errors within it.
          cause: new AggregateError(failures, failures.map(String).join("; ")),
          details: { secretArn: rotation.secretArn, versionId: rotation.versionId },
        },
      );
    }
    const arnsOf = (what: CarriedOut) =>
      done.flatMap(([serviceArn, became]) => (became === what ? [serviceArn] : []));
    return {
      outcome: deferred > 0 ? "deferred" : "checked",
      adopted,
      stale,
      redeployed: arnsOf("redeployed"),
      planned: arnsOf("planned"),
      withheld: arnsOf("withheld"),
      deferred,
      failures: failures.map(String),
    };
  };

  /** @throws DependencyError where there is no verdict yet, and it matters */
  async function lookAt(rotation: RotationRecord): Promise<RedeployPlan> {
    const { secretArn, versionId, verdict } = rotation;
    const currentSince = new Date(rotation.currentSince);
    const instances = await ledger.listInstances(secretArn);
    const users = await ecs.findUsing({
      secretArn,
      since: currentSince,
      reported: lastHeardFirst(instances),
    });
    const plan = planRedeploy({
      ...users,
      versionId,
      currentSince,
      verdict,
      instances,
      outsideEcs: instances.filter(({ instanceId }) => !ecs.knows(instanceId)),
      heardSince: new Date(now().getTime() - ports.silentAfterMs),
      mayRedeployUnverified: ports.mayRedeployUnverified,
    });
    if (plan.staleServices.some(({ decision }) => decision === "wait")) {
      throw new DependencyError("There is no verdict on the credential yet; the check is repeated", {
        details: { secretArn, versionId, stale: plan.stale },
      });
    }
    return plan;
  }

  async function actOn(rotation: RotationRecord, services: readonly StaleService[], claimant: string) {
    const done: [serviceArn: string, became: CarriedOut][] = [];
    const failures: unknown[] = [];
    const see = async (behind: StaleService): Promise<CarriedOut | undefined> => {
      // One service that ECS refuses must not keep the others from their turn.
      try {
        const became = await carryOut(rotation, behind, claimant);
        done.push([behind.service.serviceArn, became]);
        return became;
      } catch (error) {
        failures.push(error);
        return undefined;
      }
    };
    await Promise.all(services.filter(({ decision }) => decision !== "redeploy").map(see));

    let free = ports.maxConcurrentRedeploys - services.filter(isInTheWay).length;
    let deferred = 0;
    // One after the other, so that what another message has seen to already takes no place.
    for (const behind of services.filter(({ decision }) => decision === "redeploy")) {
      const became = free > 0 ? await see(behind) : "too-soon";
      if (became === "too-soon") deferred += 1;
      // A service that had its turn a moment ago is in deployment as well, as another message about the rotation has it.
      if (became === "redeployed" || became === "too-soon") free -= 1;
    }
    return { done, deferred, failures };
  }

  function isInTheWay({ service, decision }: StaleService): boolean {
    if (decision !== "deployment-in-progress" || !service.primaryDeployment?.inProgress) return false;
    return now().getTime() - service.primaryDeployment.createdAt.getTime() < LONGEST_IN_THE_WAY_MS;
  }
}

function lastHeardFirst(instances: readonly InstanceRecord[]): string[] {
  return instances
    .toSorted((one, other) => lastHeardAt(other) - lastHeardAt(one))
    .map(({ instanceId }) => instanceId);
}
