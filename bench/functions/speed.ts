/**
 * What the middleware costs: each function beside one that makes the same calls without it, `npm run bench:functions`,
 * or with `-- --rounds 30 --batches 500`. Starts the local run, whose endpoint answers the calls.
 * Ends with exit code 1 where a goal is missed.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { type LocalRun, startLocalRun } from "../../local/local-run.ts";
import { PROJECT_ROOT } from "../../local/package-stack.ts";
import { createSampleStore } from "../../local/sample-store.ts";
import { readDeployment } from "./deployed-functions.ts";
import { timeInit } from "./init-time.ts";
import { timeRecords } from "./record-time.ts";
import { table } from "./table.ts";
import { median, medianOf } from "./timing.ts";
import { buildVariants, type Variants } from "./variants.ts";

const GOAL = { initRatio: 1.3, middlewareMs: 0.1 };
/** The stage that the samples in events/ are of. */
const STAGE = "local";
const BATCH_SIZE = 10;
/** These keep below AWS's rates by themselves: each record waits for its turn, which says nothing of the middleware. */
const PACED = new Set(["redeploy", "reconcile"]);
const PACED_BATCHES = 10;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "15" },
    batches: { type: "string", default: "200" },
  },
});
const rounds = readCount("rounds", values.rounds);
const batches = readCount("batches", values.batches);

function readCount(name: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${name} takes a whole number above 0`);
  return count;
}

const ratio = (deployed: number, bare: number) => deployed / bare;
const difference = (deployed: number, bare: number) => deployed - bare;
const ms = (value: number, digits = 1) => value.toFixed(digits);

const { functions, bundling } = await readDeployment(STAGE);
const folder = await mkdtemp(join(tmpdir(), "keyturn-bench-"));
let run: LocalRun | undefined;
try {
  run = await startLocalRun({ stage: STAGE });
  await createSampleStore(run.postgres, new SecretsManagerClient(run.clientConfig));
  const surroundings = { PATH: process.env.PATH ?? "", ...run.environment };

  const results = [];
  for (const { name, entryPoint, environment } of functions) {
    const variants = await buildVariants(name, entryPoint, bundling, folder);
    const init = await timeInit(variants, { ...environment, ...surroundings }, rounds);
    const record = await timeRecords(
      PACED.has(name)
        ? { ...recordTask(variants, name, PACED_BATCHES), batchSize: 1 }
        : recordTask(variants, name, batches),
      // The files of certificates are Lambda's own.
      { ...environment, ...surroundings, NODE_EXTRA_CA_CERTS: "" },
    );
    results.push({
      function: name,
      initMs: median(init.deployed),
      bareInitMs: median(init.bare),
      initRatio: medianOf(init, ratio),
      recordMs: median(record.deployed),
      bareRecordMs: median(record.bare),
      differenceMs: medianOf(record, difference),
    });
  }

  const noOp = await buildVariants("no-op", "bench/functions/no-op-handler.ts", bundling, folder);
  const middleware = await timeRecords(recordTask(noOp, "notify", batches * 5), surroundings);
  const middlewareMs = medianOf(middleware, difference);

  const isInitMet = results.every(({ initRatio }) => initRatio <= GOAL.initRatio);
  if (values.json) {
    console.log(JSON.stringify({ node: process.version, rounds, batches, results, middlewareMs }));
  } else {
    const rows = results.map((result) => ({
      function: result.function,
      "init ms": ms(result.initMs),
      "bare ms": ms(result.bareInitMs),
      ratio: ms(result.initRatio, 2),
      "record ms": ms(result.recordMs, 3),
      "bare record ms": ms(result.bareRecordMs, 3),
      "more ms": ms(result.differenceMs, 3),
    }));
    console.log(table(rows));
    console.log(`
Medians of ${rounds} processes and of ${batches} batches of ${BATCH_SIZE} records (${[...PACED].join(", ")}: ${PACED_BATCHES} records, which wait
for AWS's rates); ratio and difference are those of each
round. Calls go to the local run, so that a record's times hold its answers. Node ${process.version}.
Init: goal ${GOAL.initRatio} times the bare handler's: ${isInitMet ? "met" : "missed"}.
Middleware alone, a record: ${ms(middlewareMs, 4)} ms; goal below ${GOAL.middlewareMs} ms: ${middlewareMs < GOAL.middlewareMs ? "met" : "missed"}.`);
  }
  if (!isInitMet || middlewareMs >= GOAL.middlewareMs) process.exitCode = 1;
} finally {
  await run?.stop();
  await rm(folder, { recursive: true, force: true });
}

function recordTask(variants: Variants, sample: string, count: number) {
  return {
    variants,
    samplePath: join(PROJECT_ROOT, "events", `${sample}.json`),
    batchSize: BATCH_SIZE,
    warmUpRounds: Math.ceil(count / 4),
    rounds: count,
  };
}
