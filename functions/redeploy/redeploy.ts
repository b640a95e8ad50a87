import { type EcsServices, SearchUnfinishedError } from "../../shared/aws/ecs-services.ts";
import type { InstanceRecord, Ledger, RotationRecord } from "../../shared/aws/ledger.ts";
import type { RedeploySlots } from "../../shared/aws/redeploy-slots.ts";
import type { Secrets } from "../../shared/aws/secrets.ts";
import { DependencyError } from "../../shared/contract/errors.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import { findRotation } from "../../shared/rotation/current-rotation.ts";
import {
  type CarriedOut,
  type CarryOutPorts,
  type CarryOutRound,
  createCarryOut,
  describeRotation,
} from "./carry-out.ts";
import { createFinishClaims, type FinishClaimsPorts } from "./finish-claims.ts";
import { lastHeardAt, planRedeploy, type RedeployPlan, type StaleService } from "./plan-redeploy.ts";
import type { CheckProgress } from "./redeploy-message.ts";

export interface RedeployPorts extends CarryOutPorts, FinishClaimsPorts {
  readonly secrets: Pick<Secrets, "describe">;
  readonly ledger: FinishClaimsPorts["ledger"] &
    Pick<Ledger, "openRotation" | "listInstances" | "recordCheck">;
  readonly ecs: EcsServices;
  /** Places for deployments under way, of the whole stage. */
  readonly slots: RedeploySlots;
  /** How long services have to report, in milliseconds. */
  readonly deadlineMs: number;
  /** Whether a credential that could not be tried may lead to a deployment. */
  readonly mayRedeployUnverified: boolean;
  /** How long an instance outside ECS may be silent before it is taken for gone, in milliseconds. */
  readonly silentAfterMs: number;
}

/** Where a check comes from that is not the first of its rotation. */
export interface CheckOrigin {
  /** Of a check that was deferred. */
  readonly progress?: CheckProgress;
  /** Of a check because the credential was accepted after another verdict: since when the version is current, ISO 8601. */
  readonly acceptedSince?: string;
}

export interface RedeployOutcome {
  readonly outcome: "superseded" | "not-watched" | "not-due" | "checked" | "deferred" | "searching";
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
/** Hundreds of services take hours where five may be in deployment. Whatever waits still after a day will not be ready by waiting. */
const LONGEST_WAIT_MS = 24 * 3_600_000;
const MOST_EXAMPLES = 20;

/**
 * The deadline check: forces a new deployment of the services that are still behind, if the credential is known to be good.
 * Services that would be too many at once wait: an event of the check's own brings it back, when some are done.
 *
 * @returns a function of the event and the id of the message
 */
export function createRedeploy(ports: RedeployPorts) {
  const { ledger, ecs, bus, now, slots } = ports;
  const carryOut = createCarryOut(ports);
  const claims = createFinishClaims(ports);

  return async (
    event: RotationEvent,
    messageId: string,
    { progress, acceptedSince }: CheckOrigin = {},
  ): Promise<RedeployOutcome> => {
    const current = await findRotation(event, ports);
    if (typeof current === "string") return { outcome: current, ...NOTHING_DONE };
    const rotation = await ledger.openRotation(current);
    if (rotation.supersededBy !== undefined) return { outcome: "superseded", ...NOTHING_DONE };
    if (acceptedSince !== undefined && !isKnownAsAccepted(rotation, acceptedSince)) {
      return { outcome: "superseded", ...NOTHING_DONE };
    }
    // A late message of an earlier rotation finds the version of a newer one, whose own check is still to come.
    const dueAt = Date.parse(rotation.currentSince) + ports.deadlineMs - CLOCKS_DIFFER_MS;
    if (now().getTime() < dueAt) return { outcome: "not-due", ...NOTHING_DONE };

    const claimant = progress?.claimant ?? messageId;
    const defer = async (deferred: number): Promise<void> => {
      const { source: detectedBy, occurredAt: toldAt } = event;
      const { round = 0, waitingSince = now().toISOString() } = progress ?? {};
      const base = { ...describeRotation(rotation, now()), detectedBy, toldAt, claimant };
      const detail = { ...base, deferred, round: round + 1, waitingSince };
      await bus.publish({ type: "RedeployDeferred", detail });
    };
    const mayWait =
      progress === undefined || now().getTime() - Date.parse(progress.waitingSince) < LONGEST_WAIT_MS;

    const search = slots.search(now());
    const { decided, unfinished } = await claims.read(rotation, claimant);
    // As long as no place is free, nobody need ask ECS how things are: that is what many checks that wait would do at once.
    if (
      progress &&
      progress.deferred > 0 &&
      mayWait &&
      unfinished.length === 0 &&
      !(await search.mayTake())
    ) {
      await defer(progress.deferred);
      return { outcome: "deferred", ...NOTHING_DONE, deferred: progress.deferred };
    }

    const plan = await lookAt(rotation).catch((error: unknown) => {
      if (error instanceof SearchUnfinishedError && mayWait) return undefined;
      throw error;
    });
    if (!plan) {
      await defer(0);
      return { outcome: "searching", ...NOTHING_DONE };
    }
    const { adopted, stale, unmanaged, staleServices } = plan;
    const base = describeRotation(rotation, now());
    await bus.publish({ type: "AdoptionChecked", detail: { ...base, adopted, stale } });
    // An instance that keeps the old credential because the new one is bad does what it should.
    if (unmanaged.length > 0 && rotation.verdict !== "rejected" && !progress?.deferred) {
      const examples = unmanaged.slice(0, MOST_EXAMPLES);
      await bus.publish({
        type: "StaleUnmanaged",
        detail: { ...base, instances: unmanaged.length, examples },
      });
    }
    const finished = await claims.finish(rotation, unfinished, plan, claimant);
    const isSeenTo = new Set([...decided, ...finished.redeployed, ...finished.waiting]);
    const open = staleServices.filter(({ service }) => !isSeenTo.has(service.serviceArn));
    const { done, waits, failures } = await actOn(rotation, open, { claimant, slots: search });
    const deferred = waits + finished.waiting.length;
    // Only now: as long as services wait for their turn, or could not be seen to, nobody should take the rotation for over.
    await ledger.recordCheck(rotation, now(), { adopted, stale, deferred: deferred + failures.length });
    if (deferred > 0 && mayWait) await defer(deferred);
    else if (deferred > 0 || failures.length > 0) {
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
      redeployed: [...finished.redeployed, ...arnsOf("redeployed")],
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

  async function actOn(rotation: RotationRecord, services: readonly StaleService[], round: CarryOutRound) {
    const done: [serviceArn: string, became: CarriedOut][] = [];
    const failures: unknown[] = [];
    const see = async (behind: StaleService): Promise<void> => {
      // One service that ECS refuses must not keep the others from their turn.
      try {
        done.push([behind.service.serviceArn, await carryOut(rotation, behind, round)]);
      } catch (error) {
        failures.push(error);
      }
    };
    await Promise.all(services.filter(({ decision }) => decision !== "redeploy").map(see));
    // One after the other, so that the search for a place ends where none is left.
    for (const behind of services.filter(({ decision }) => decision === "redeploy")) await see(behind);
    return { done, failures, waits: done.filter(([, became]) => became === "waits").length };
  }
}

/**
 * Whether the ledger has the verdict that the check was begun for. It is told before it is recorded.
 *
 * @returns false where the check is of an earlier time at which the version was current
 * @throws DependencyError where the verdict is not there yet
 */
function isKnownAsAccepted(
  { secretArn, versionId, currentSince, verdict }: RotationRecord,
  acceptedSince: string,
) {
  if (currentSince !== acceptedSince) return false;
  if (verdict === "accepted") return true;
  throw new DependencyError(
    "The verdict that the credential is good is not recorded yet; the check is repeated",
    {
      details: { secretArn, versionId },
    },
  );
}

function lastHeardFirst(instances: readonly InstanceRecord[]): string[] {
  return instances
    .toSorted((one, other) => lastHeardAt(other) - lastHeardAt(one))
    .map(({ instanceId }) => instanceId);
}
