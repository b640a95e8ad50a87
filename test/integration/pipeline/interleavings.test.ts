import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createLedger } from "../../../shared/aws/dynamodb-ledger.ts";
import { type LocalDynamoDb, startDynamoDb } from "./dynamodb.ts";
import type { Answer } from "./interleaving/handler-run.ts";
import { findBroken } from "./interleaving/invariants.ts";
import { type Fate, SimulatedPipeline } from "./interleaving/simulated-pipeline.ts";
import { DEADLINE_MS, SimulatedWorld } from "./interleaving/simulated-world.ts";

/** The same interleavings at each run; `KEYTURN_INTERLEAVINGS_SEED` and `…_RUNS` look further. */
const SEED = Number(process.env.KEYTURN_INTERLEAVINGS_SEED ?? 20_261_120);
const RUNS = Number(process.env.KEYTURN_INTERLEAVINGS_RUNS ?? 70);
/** Of each test, several times what it takes on two cores of which one is busy. */
const TIME_LIMIT_MS = 80_000 * Math.max(1, RUNS / 70);
/** A machine that has no time for so many shows too little. */
const LEAST_SHARE = 0.25;
vi.setConfig({ testTimeout: 2 * TIME_LIMIT_MS });

let dynamoDb: LocalDynamoDb;
let tableName: string;
let runs = 0;

beforeAll(async () => {
  dynamoDb = await startDynamoDb();
  tableName = await dynamoDb.createTable();
});
afterAll(() => dynamoDb.stop());

const pick = fc.nat(11);
const choose = <T extends string>(name: T) => fc.constant(name);
const isOther = fc.nat(2).map((third) => third === 0);
const answer = fc.constantFrom<Answer>("lost", "repeated");
const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: choose("rotate"),
      to: fc.oneof(
        { weight: 5, arbitrary: choose("accepted") },
        { weight: 1, arbitrary: choose("rejected") },
        { weight: 1, arbitrary: choose("unverifiable") },
        { weight: 2, arbitrary: choose("back") },
      ),
      isSeenTwice: fc.boolean(),
      isOther,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: choose("report"), pick }) },
  { weight: 6, arbitrary: fc.record({ do: choose("handle"), pick }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: choose("handle up to a fault"),
      pick,
      after: fc.nat(14),
      fault: fc.constantFrom<Fate>("crash", "lost", "repeated"),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: choose("deliver"), pick }) },
  { weight: 2, arbitrary: fc.record({ do: choose("deliver all") }) },
  { weight: 24, arbitrary: fc.record({ do: choose("go on"), pick }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: choose("miss an answer"), pick, answer }),
  },
  { weight: 4, arbitrary: fc.record({ do: choose("crash"), pick }) },
  { weight: 1, arbitrary: fc.record({ do: choose("crash a batch"), pick }) },
  { weight: 3, arbitrary: fc.record({ do: choose("duplicate"), pick }) },
  { weight: 1, arbitrary: fc.record({ do: choose("replay dead letters") }) },
  { weight: 2, arbitrary: fc.record({ do: choose("delay reads"), isOther }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: choose("interrupt the store"),
      logins: fc.integer({ min: 1, max: 12 }),
      isOther,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: choose("mend the store"), isOther }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: choose("refuse to deploy"), how: fc.constantFrom("refused", "failed") }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: choose("slow ECS down"), searches: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: choose("set dry run"), isOn: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: choose("deploy by hand"), pick }) },
  { weight: 2, arbitrary: fc.record({ do: choose("end a deployment"), isGood: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: choose("wait"), ms: fc.constantFrom(40, 1_100, 5_000, 61_000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function take(pipeline: SimulatedPipeline, taken: Step): Promise<void> {
  const { world } = pipeline;
  const [first, other] = world.secrets;
  world.nowMs += 1;
  switch (taken.do) {
    case "rotate":
      return world.rotate(taken.to, taken.isSeenTwice, taken.isOther ? other : first);
    case "report":
      return world.report(taken.pick);
    case "handle":
      return void (await pipeline.handle(taken.pick));
    case "handle up to a fault":
      return void (await pipeline.handle(taken.pick, ({ calls }) =>
        calls.length > taken.after ? taken.fault : "comes",
      ));
    case "deliver":
      return void (await pipeline.deliver(taken.pick));
    case "deliver all":
      while (await pipeline.deliver(0));
      return;
    case "go on":
      return pipeline.goOn(taken.pick);
    case "miss an answer":
      return pipeline.goOn(taken.pick, taken.answer);
    case "crash":
      return pipeline.crash(taken.pick);
    case "crash a batch":
      return pipeline.crashBatch(taken.pick);
    case "duplicate":
      return world.duplicate(taken.pick);
    case "replay dead letters":
      return void world.replay();
    case "delay reads":
      return (taken.isOther ? other : first).delayReads();
    case "interrupt the store":
      return (taken.isOther ? other : first).interruptStore(taken.logins);
    case "mend the store":
      return world.mendStore(taken.isOther ? other : first);
    case "refuse to deploy":
      return world.ecs.refuse(taken.how);
    case "slow ECS down":
      world.unfinishedSearches = taken.searches;
      return;
    case "set dry run":
      world.dryRun = taken.isOn;
      return;
    case "deploy by hand":
      return world.deploy(taken.pick);
    case "end a deployment":
      return void world.endDeployment(taken.isGood ? "completed" : "failed");
    case "wait":
      return pipeline.wait(taken.ms);
  }
}

/** @throws Error with what does not hold, and the interleaving that led there */
async function check(pipeline: SimulatedPipeline): Promise<void> {
  const notDrained = await pipeline.drain().then(
    (): string[] => [],
    (error: unknown) => [String(error)],
  );
  const { world } = pipeline;
  const ledger = createLedger(world.client, world.tableName);
  const views = await Promise.all(world.secrets.map(({ secretArn }) => ledger.readSecret(secretArn)));
  const broken = notDrained.concat(findBroken(world, views));
  if (broken.length === 0) return;
  throw new Error(["Broken:", ...broken, "", "The interleaving:", ...world.trace].join("\n"));
}

const newPipeline = (mayRestore = false) =>
  new SimulatedPipeline(new SimulatedWorld(dynamoDb.client, tableName, `r${++runs}`, mayRestore));

/** @throws Error with the shortest schedule found that breaks an invariant, call by call */
async function explore<T>(
  schedules: fc.Arbitrary<T>,
  runs: number,
  follow: (schedule: T, pipeline: SimulatedPipeline) => Promise<void>,
  mayRestore = false,
): Promise<void> {
  const until = performance.now() + TIME_LIMIT_MS;
  let [checked, withDeadLetters] = [0, 0];
  const property = fc.asyncProperty(schedules, async (schedule) => {
    // A slow machine looks at fewer, and shortens less.
    if (performance.now() > until) return;
    const pipeline = newPipeline(mayRestore);
    await follow(schedule, pipeline);
    await check(pipeline);
    checked += 1;
    if (pipeline.world.queues.deadLetters.length > 0) withDeadLetters += 1;
  });
  const { failed, errorInstance, counterexamplePath } = await fc.check(property, {
    seed: SEED,
    numRuns: runs,
  });
  if (failed) throw new Error(`Seed ${SEED}, path ${counterexamplePath}. ${errorInstance}`);
  const ran = `${checked} of ${runs} schedules ran, ${withDeadLetters} of them with dead letters`;
  console.info(`${expect.getState().currentTestName}: ${ran}`);
  expect(checked, `Too few for ${TIME_LIMIT_MS} ms: ${ran}`).toBeGreaterThanOrEqual(runs * LEAST_SHARE);
}

test("every interleaving of handlers, copies, crashes and newer rotations keeps the invariants", async () => {
  const schedules = fc.array(step, { minLength: 10, maxLength: 70, size: "max" });
  await explore(schedules, RUNS, async (steps, pipeline) => {
    pipeline.world.rotate("accepted", true);
    for (const taken of steps) await take(pipeline, taken);
  });
});

test("so does every one in which verify moves AWSCURRENT back from what the store refuses", async () => {
  const schedules = fc.array(step, { minLength: 10, maxLength: 70, size: "max" });
  const follow = async (steps: readonly Step[], pipeline: SimulatedPipeline) => {
    pipeline.world.rotate("rejected", true);
    for (const taken of steps) await take(pipeline, taken);
  };
  await explore(schedules, Math.ceil(RUNS / 3), follow, true);
});

test("copies of every message that are handled side by side keep the invariants", async () => {
  const picks = fc.array(pick, { minLength: 120, maxLength: 120 });
  await explore(fc.tuple(picks, picks), Math.ceil(RUNS / 3), async (stages, pipeline) => {
    const { world } = pipeline;
    world.rotate("accepted", false);
    world.duplicateAll();
    for (const choices of stages) {
      while (await pipeline.deliver(0));
      for (const choice of choices) await pipeline.goOn(choice);
      world.nowMs += DEADLINE_MS;
    }
  });
});

/** A pipeline in which a credential was refused, and services withheld for it; now the store takes it. */
async function mendedPipeline(): Promise<SimulatedPipeline> {
  const pipeline = newPipeline();
  pipeline.world.rotate("rejected", false);
  await pipeline.drain();
  pipeline.world.mendStore(pipeline.world.secrets[0]);
  return pipeline;
}

test.for([true, false])(
  "a check that takes back what was withheld (dry run: %s) may be overtaken by its copy after any one call",
  async (isDry) => {
    /** @returns false where the check is done with fewer calls */
    const overtakeAt = async (call: number) => {
      const pipeline = await mendedPipeline();
      const { world } = pipeline;
      while (await pipeline.handle(0));
      world.nowMs = world.queues.nextAt() ?? world.nowMs;
      world.duplicateAll();
      world.dryRun = isDry;
      const first = await pipeline.deliver(0);
      world.dryRun = !isDry;
      const second = await pipeline.deliver(0);
      for (let calls = 0; calls < call && !first?.end; calls += 1) await pipeline.goOn(0);
      const isUnderWay = first?.end === undefined;
      while (second && !second.end) await pipeline.goOn(isUnderWay ? 1 : 0);
      await check(pipeline);
      return isUnderWay;
    };
    let calls = 0;
    while (await overtakeAt(calls)) calls += 1;
    expect(calls).toBeGreaterThan(20);
  },
);

test.for<{ fault: Fate; name: string }>([
  { fault: "crash", name: "crash after any one call of a rotation" },
  { fault: "lost", name: "lost answer to any one call after a refused credential was mended" },
  { fault: "repeated", name: "repeat of any one call after a refused credential was mended" },
])("a $name keeps the invariants", async ({ fault }) => {
  /** @returns false where the rotation is done with fewer calls */
  const failAt = async (call: number) => {
    const pipeline = fault === "crash" ? newPipeline() : await mendedPipeline();
    if (fault === "crash") {
      pipeline.world.rotate("accepted", true);
      pipeline.world.report(0);
      pipeline.world.report(1);
    }
    const hasFault = await pipeline.drain(call, fault);
    await check(pipeline);
    return hasFault;
  };
  let calls = 0;
  while (await failAt(calls)) calls += 1;
  // Two sources for three handlers, two reports, three services behind, and the events of them all; else a second check.
  expect(calls).toBeGreaterThan(fault === "crash" ? 60 : 40);
});
