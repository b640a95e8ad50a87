import { type EcsServices, SearchUnfinishedError, type SecretUsers } from "../../shared/aws/ecs-services.ts";
import type { InstanceRecord, Ledger, RotationRecord } from "../../shared/aws/ledger.ts";
import type { RedeploySlots } from "../../shared/aws/redeploy-slots.ts";
import { ConfigError, DependencyError } from "../../shared/contract/errors.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import { lastHeardAt } from "../../shared/rotation/last-heard-at.ts";
import { actOnServices } from "./act-on-services.ts";
import { createBeginAgain } from "./begin-again.ts";
import { type CarriedOut, type CarryOutPorts, createCarryOut, describeRotation } from "./carry-out.ts";
import { type FindCheckedRotationPorts, findCheckedRotation } from "./find-checked-rotation.ts";
import { createFinishClaims, type FinishClaimsPorts } from "./finish-claims.ts";
import { createDescribeOther } from "./other-secrets.ts";
import { planRedeploy, type RedeployPlan } from "./plan-redeploy.ts";
import type { CheckProgress } from "./redeploy-message.ts";

export interface RedeployPorts extends CarryOutPorts, FinishClaimsPorts, FindCheckedRotationPorts {
  readonly ledger: CarryOutPorts["ledger"] &
    FinishClaimsPorts["ledger"] &
    FindCheckedRotationPorts["ledger"] &
    Pick<Ledger, "listInstances" | "recordCheck">;
  readonly ecs: EcsServices;
  /** Places for deployments under way, of the whole stage. */
  readonly slots: RedeploySlots;
  /** Whether a credential that could not be tried may lead to a deployment. */
  readonly mayRedeployUnverified: boolean;
  /** How long services have to report, in milliseconds. */
  readonly deadlineMs: number;
  /** How long after its beginning a check sees to services, in milliseconds: what is left then waits for the next round. */
  readonly actingBudgetMs: number;
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
/** Hundreds of services take hours where five may be in deployment. Where none could go for a day, none will by waiting. */
const LONGEST_WAIT_MS = 24 * 3_600_000;
const MOST_EXAMPLES = 20;
/** What those that wait need not be given up after. */
const MOVES: ReadonlySet<CarriedOut> = new Set(["redeployed", "planned", "withheld"]);

interface Seen {
  readonly plan: RedeployPlan;
  readonly services: SecretUsers["services"];
  /** For each configured cluster that is not there. */
  readonly problems: readonly ConfigError[];
}

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
  const beginAgain = createBeginAgain(ports);

  return async (
    event: RotationEvent,
    messageId: string,
    { progress, acceptedSince }: CheckOrigin = {},
  ): Promise<RedeployOutcome> => {
    const startedAt = now().getTime();
    const hasTime = () => now().getTime() - startedAt < ports.actingBudgetMs;
    const rotation = await findCheckedRotation(event, progress?.currentSince ?? acceptedSince, ports);
    if (typeof rotation === "string") return { outcome: rotation, ...NOTHING_DONE };
    if (acceptedSince !== undefined) assertKnownAsAccepted(rotation);
    // A late message of an earlier rotation finds the version of a newer one, whose own check is still to come.
    const dueAt = Date.parse(rotation.currentSince) + ports.deadlineMs - CLOCKS_DIFFER_MS;
    if (now().getTime() < dueAt) return { outcome: "not-due", ...NOTHING_DONE };

    const claimant = progress?.claimant ?? messageId;
    // Counted from when something was done last, and never from the future.
    const waitedMs = progress ? Math.max(0, startedAt - Date.parse(progress.waitingSince)) : 0;
    const mayWait = waitedMs < LONGEST_WAIT_MS;
    let othersTold = progress?.othersTold ?? false;
    const mustTell = () => rotation.verdict === "accepted" && !othersTold;
    const defer = async (deferred: number, hasMoved = false): Promise<void> => {
      const { source: detectedBy, occurredAt: toldAt } = event;
      const waitingSince = new Date(hasMoved ? now() : startedAt - waitedMs).toISOString();
      const base = { ...describeRotation(rotation, now()), detectedBy, toldAt, claimant };
      const goesOn = { deferred, round: (progress?.round ?? 0) + 1, waitingSince };
      const detail = { ...base, ...goesOn, ...(othersTold && { othersTold }) };
      await bus.publish({ type: "RedeployDeferred", detail });
    };

    const search = slots.search(now());
    const known = await claims.read(rotation, claimant);
    // As long as no place is free, nobody need ask ECS how things are: that is what many checks that wait would do at once.
    if (
      progress &&
      progress.deferred > 0 &&
      mayWait &&
      !mustTell() &&
      known.unfinished.length === 0 &&
      !(await search.mayTake())
    ) {
      const { adoptedAtCheck: adopted = 0, staleAtCheck: stale = 0, unmanagedAtCheck: unmanaged } = rotation;
      const { deferred } = progress;
      // So that it is seen to live.
      await ledger.recordCheck(rotation, now(), {
        adopted,
        stale,
        deferred,
        ...(unmanaged !== undefined && { unmanaged }),
      });
      await defer(deferred);
      return { outcome: "deferred", ...NOTHING_DONE, deferred: progress.deferred };
    }

    const seen = await lookAt(rotation).catch((error: unknown) => {
      if (error instanceof SearchUnfinishedError && mayWait) return undefined;
      throw error;
    });
    if (!seen) {
      await defer(0);
      return { outcome: "searching", ...NOTHING_DONE };
    }
    const { adopted, stale, unmanaged, unreported, staleServices } = seen.plan;
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
    const finished = await claims.finish(rotation, known, seen.plan, claimant, hasTime);
    const isSeenTo = new Set([...known.decided, ...finished.redeployed, ...finished.waiting]);
    const open = staleServices.filter(({ service }) => !isSeenTo.has(service.serviceArn));
    const describeOther = createDescribeOther(ports.secrets);
    const round = { claimant, slots: search, seenClaims: finished.seenClaims, mayWait, describeOther };
    const { done, waits, ...failed } = await actOnServices(carryOut, rotation, open, round, hasTime);
    const { problems } = seen;
    const failures = [...failed.failures, ...problems];
    const deferred = waits + finished.waiting.length;
    if (mustTell()) othersTold = await beginAgain(rotation, seen.services, event, claimant, hasTime);
    // Only now: as long as services wait for their turn, or could not be seen to, nobody should take the rotation for over.
    await ledger.recordCheck(rotation, now(), {
      adopted,
      stale,
      deferred: deferred + failures.length,
      unmanaged: unreported,
    });
    const hasMoved = finished.redeployed.length > 0 || done.some(([, became]) => MOVES.has(became));
    const comesBack = deferred > 0 || (mustTell() && mayWait);
    if (comesBack) await defer(deferred, hasMoved);
    else if (failures.length > 0) {
      // What failed comes again with whatever was deferred; where nothing was, with this message.
      throw new DependencyError(
        `${failed.failures.length} of ${staleServices.length} services could not be seen to, and ${problems.length} clusters are not there`,
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
      outcome: comesBack ? "deferred" : "checked",
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
  async function lookAt(rotation: RotationRecord): Promise<Seen> {
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
      outsideEcs: instances.filter(({ instanceId }) => !ecs.knows(instanceId, secretArn)),
      heardSince: new Date(now().getTime() - ports.silentAfterMs),
      mayRedeployUnverified: ports.mayRedeployUnverified,
    });
    if (plan.staleServices.some(({ decision }) => decision === "wait")) {
      throw new DependencyError("There is no verdict on the credential yet; the check is repeated", {
        details: { secretArn, versionId, stale: plan.stale },
      });
    }
    const problems = users.missingClusters?.map(
      (cluster) => new ConfigError([`ecsClusters names ${cluster}, and there is no such cluster`]),
    );
    return { plan, services: users.services, problems: problems ?? [] };
  }
}

/**
 * @throws DependencyError where the ledger has not the verdict that the check was begun for: it is told before it is recorded
 */
function assertKnownAsAccepted({ secretArn, versionId, verdict }: RotationRecord): void {
  if (verdict === "accepted") return;
  const message = "The verdict that the credential is good is not recorded yet; the check is repeated";
  throw new DependencyError(message, { details: { secretArn, versionId } });
}

function lastHeardFirst(instances: readonly InstanceRecord[]): string[] {
  return instances
    .toSorted((one, other) => (lastHeardAt(other) ?? "").localeCompare(lastHeardAt(one) ?? ""))
    .map(({ instanceId }) => instanceId);
}
