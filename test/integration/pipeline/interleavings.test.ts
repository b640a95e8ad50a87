import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLedger } from "../../../shared/aws/dynamodb-ledger.ts";
import { type LocalDynamoDb, startDynamoDb } from "./dynamodb.ts";
import { invariants } from "./interleaving/invariants.ts";
import { SimulatedPipeline } from "./interleaving/simulated-pipeline.ts";
import { DEADLINE_MS, SimulatedWorld } from "./interleaving/simulated-world.ts";

/** The same interleavings at each run; `KEYTURN_INTERLEAVINGS_SEED` and `…_RUNS` look further. */
const SEED = Number(process.env.KEYTURN_INTERLEAVINGS_SEED ?? 20_261_120);
const RUNS = Number(process.env.KEYTURN_INTERLEAVINGS_RUNS ?? 100);
const TIME_LIMIT_MS = 20_000;

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
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: choose("report"), pick }) },
  { weight: 6, arbitrary: fc.record({ do: choose("handle"), pick }) },
  { weight: 5, arbitrary: fc.record({ do: choose("handle up to a crash"), pick, after: fc.nat(14) }) },
  { weight: 6, arbitrary: fc.record({ do: choose("deliver"), pick }) },
  { weight: 2, arbitrary: fc.record({ do: choose("deliver all") }) },
  { weight: 24, arbitrary: fc.record({ do: choose("go on"), pick }) },
  { weight: 4, arbitrary: fc.record({ do: choose("crash"), pick }) },
  { weight: 3, arbitrary: fc.record({ do: choose("duplicate"), pick }) },
  { weight: 2, arbitrary: fc.record({ do: choose("delay reads") }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: choose("interrupt the store"), logins: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: choose("mend the store") }) },
  { weight: 1, arbitrary: fc.record({ do: choose("deploy by hand"), pick }) },
  { weight: 2, arbitrary: fc.record({ do: choose("end a deployment"), isGood: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: choose("wait"), ms: fc.constantFrom(40, 1_100, 5_000, 61_000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function take(pipeline: SimulatedPipeline, taken: Step): Promise<void> {
  const { world } = pipeline;
  world.nowMs += 1;
  switch (taken.do) {
    case "rotate":
      return world.rotate(taken.to, taken.isSeenTwice);
    case "report":
      return world.report(taken.pick);
    case "handle":
      return void (await pipeline.handle(taken.pick));
    case "handle up to a crash":
      return void (await pipeline.handle(taken.pick, ({ calls }) => calls.length > taken.after));
    case "deliver":
      return void (await pipeline.deliver(taken.pick));
    case "deliver all":
      while (await pipeline.deliver(0));
      return;
    case "go on":
      return pipeline.goOn(taken.pick);
    case "crash":
      return pipeline.crash(taken.pick);
    case "duplicate":
      return world.duplicate(taken.pick);
    case "delay reads":
      return world.secret.delayReads();
    case "interrupt the store":
      return world.secret.interruptStore(taken.logins);
    case "mend the store":
      return world.mendStore();
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
  const secret = await createLedger(world.client, world.tableName).readSecret(world.secret.secretArn);
  const broken = notDrained.concat(
    Object.entries(invariants).flatMap(([name, holds]) =>
      holds(world, secret).map((problem) => `${name}: ${problem}`),
    ),
  );
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
  let checked = 0;
  const property = fc.asyncProperty(schedules, async (schedule) => {
    // A slow machine looks at fewer, and shortens less.
    if (performance.now() > until) return;
    const pipeline = newPipeline(mayRestore);
    await follow(schedule, pipeline);
    await check(pipeline);
    checked += 1;
  });
  const { failed, errorInstance, counterexamplePath } = await fc.check(property, {
    seed: SEED,
    numRuns: runs,
  });
  if (failed) throw new Error(`Seed ${SEED}, path ${counterexamplePath}. ${errorInstance}`);
  expect(checked).toBeGreaterThan(0);
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

test("a crash after any one call of a rotation keeps the invariants", async () => {
  /** @returns false where the rotation is done with fewer calls */
  const crashAt = async (call: number) => {
    const pipeline = newPipeline();
    pipeline.world.rotate("accepted", true);
    pipeline.world.report(0);
    pipeline.world.report(1);
    const isCrashed = await pipeline.drain(call);
    await check(pipeline);
    return isCrashed;
  };
  let calls = 0;
  while (await crashAt(calls)) calls += 1;
  // Two sources for three handlers, two reports, three services behind, and the events of them all.
  expect(calls).toBeGreaterThan(60);
});
