import { setTimeout as sleep } from "node:timers/promises";
import type { ECSClient } from "@aws-sdk/client-ecs";
import { rotationSucceededEvent } from "../aws/secrets/secret-events.ts";
import type { LocalRun } from "../local-run.ts";
import type { ActRecord, ActRecorder } from "./act-record.ts";
import { countsSince, type Load, type QueryCount } from "./load.ts";
import { type RotationDriverOptions, type RotationKind, rotate } from "./rotation.ts";
import { countStaleTasks, GaveUpError, isSteady, LEGACY_API, ORDERS_API, waitFor } from "./services.ts";

/** What an act was, in the form that `--json` prints. */
export interface ActResult {
  readonly name: string;
  readonly secretArn: string;
  readonly versionId: string;
  readonly verdict: string | undefined;
  readonly instances: readonly {
    readonly name: string;
    readonly instanceId: string;
    readonly service: string;
    readonly outcome: string;
    readonly adoptionMs?: number;
  }[];
  /** From the label move to the swap, in milliseconds. */
  readonly adoptionMs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
  readonly queries: Readonly<Record<string, number>>;
  readonly failedQueries: Readonly<Record<string, number>>;
  /** Of these, those that came after everything that should come of the rotation had come. */
  readonly failedQueriesAfter: Readonly<Record<string, number>>;
  readonly failureCodes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly redeployed: readonly string[];
  /** When the first deployment was forced, from the label move; null where none was. */
  readonly redeployedAtMs: number | null;
  /** Tasks that were not on the version in the end. */
  readonly staleTasks: number;
  readonly withheld: readonly string[];
  readonly alarms: readonly string[];
  readonly steps: readonly { readonly atMs: number; readonly step: string; readonly who: string }[];
}

export interface Stage {
  readonly run: LocalRun;
  readonly ecs: ECSClient;
  readonly load: Load;
  readonly recorder: ActRecorder;
  readonly driver: Omit<RotationDriverOptions, "onStep">;
  readonly nameOf: (instanceId: string) => string;
  /** Task ARNs of the copies of orders-api that the demo began with. */
  readonly copies: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

export interface ActPlan {
  readonly name: string;
  readonly kind: RotationKind;
  /** What the act waits for: everything that should come of such a rotation. */
  readonly isComplete: (act: ActRecord, stage: Stage) => boolean | Promise<boolean>;
  readonly completeWhen: string;
}

const ACT_TIMEOUT_MS = 30_000;
/** CloudTrail delivers minutes later; late enough here that the native event is handled by then. */
const CLOUDTRAIL_DELAY_MS = 500;
/** Queries of each service that must follow an act, so that what it left behind would show. */
const QUERIES_AFTER = 30;

/** Every copy of orders-api swapped, and legacy-api replaced. */
export async function isAdopted(act: ActRecord, { ecs, copies }: Stage): Promise<boolean> {
  return (
    allReported(act, copies, "swapped") &&
    act.redeployed.has(LEGACY_API) &&
    (await isSteady(ecs, [LEGACY_API]))
  );
}

/** The verdict is out, every copy of orders-api refused, both services were left alone, and somebody is paged. */
export function isContained(act: ActRecord, { copies }: Stage): boolean {
  return (
    act.verdict === "rejected" &&
    allReported(act, copies, "rejected") &&
    act.withheld.has(ORDERS_API) &&
    act.withheld.has(LEGACY_API) &&
    [...act.alarms].some((name) => name.endsWith("credential-rejected"))
  );
}

function allReported({ reports }: ActRecord, copies: ReadonlySet<string>, outcome: string): boolean {
  return [...copies].every((taskArn) => reports.get(taskArn)?.outcome === outcome);
}

export async function playAct(plan: ActPlan, stage: Stage): Promise<ActResult> {
  const { run, load, recorder, driver, signal } = stage;
  const before = load.counts();
  const act = recorder.begin();
  const { versionId } = await rotate(plan.kind, {
    ...driver,
    onStep: (step, at) => recorder.step(step, "rotation", at),
  });
  await sleep(CLOUDTRAIL_DELAY_MS, undefined, { signal });
  await run.sendEvent(rotationSucceededEvent(run.place, driver.store.secretArn, new Date()));
  // What does not come is for the claims to judge: they name what is missing.
  const orGiveUp = async (what: string, isSo: () => boolean | Promise<boolean>) => {
    try {
      await waitFor(what, ACT_TIMEOUT_MS, isSo, signal);
    } catch (error) {
      if (!(error instanceof GaveUpError)) throw error;
      recorder.step(error.message, "demo", new Date());
    }
  };
  await orGiveUp(plan.completeWhen, () => plan.isComplete(act, stage));
  for (const service of act.redeployed) {
    recorder.step(`${service} runs on the new version, its old task has ended`, "ECS", new Date());
  }
  const completed = load.counts();
  const after = () => countsSince(load.counts(), completed);
  await orGiveUp("the services have answered some more queries", () =>
    Object.values(after()).every(({ queries }) => queries >= QUERIES_AFTER),
  );
  const counts = { during: countsSince(load.counts(), before), after: after() };
  const swapped = [...act.reports.values()].filter(({ outcome }) => outcome === "swapped");
  const staleTasks = await countStaleTasks(
    stage.ecs,
    act.currentSince ?? new Date(),
    new Set(swapped.map(({ instanceId }) => instanceId)),
  );
  return { ...resultOf(plan.name, versionId, act, counts, stage), staleTasks };
}

function resultOf(
  name: string,
  versionId: string,
  act: ActRecord,
  counts: { readonly during: Record<string, QueryCount>; readonly after: Record<string, QueryCount> },
  stage: Stage,
): Omit<ActResult, "staleTasks"> {
  const origin = act.currentSince?.getTime() ?? Number.NaN;
  const instances = [...act.reports.values()].map(({ instanceId, service, outcome, occurredAt }) => ({
    name: stage.nameOf(instanceId),
    instanceId,
    service,
    outcome,
    ...(outcome === "swapped" && { adoptionMs: Date.parse(occurredAt) - origin }),
  }));
  const byService = <T>(pick: (count: QueryCount) => T, of = counts.during) =>
    Object.fromEntries(Object.entries(of).map(([service, count]) => [service, pick(count)]));
  return {
    name,
    secretArn: stage.driver.store.secretArn,
    versionId,
    verdict: act.verdict,
    instances,
    adoptionMs: percentiles(instances.flatMap(({ adoptionMs }) => adoptionMs ?? [])),
    queries: byService(({ queries }) => queries),
    failedQueries: byService(({ failedQueries }) => failedQueries),
    failedQueriesAfter: byService(({ failedQueries }) => failedQueries, counts.after),
    failureCodes: byService(({ codes }) => codes),
    redeployed: [...act.redeployed],
    redeployedAtMs: act.redeployedAt ? act.redeployedAt.getTime() - origin : null,
    withheld: [...act.withheld],
    alarms: [...act.alarms],
    steps: act.steps
      .map(({ at, step, who }) => ({ atMs: at.getTime() - origin, step, who }))
      .toSorted((one, other) => one.atMs - other.atMs),
  };
}

/** Nearest-rank percentiles. */
function percentiles(values: readonly number[]): ActResult["adoptionMs"] {
  const sorted = values.toSorted((one, other) => one - other);
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  const [p50, p99, max] = [rank(0.5), rank(0.99), sorted.at(-1)];
  return p50 === undefined || p99 === undefined || max === undefined ? null : { p50, p99, max };
}
