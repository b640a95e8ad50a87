/** Runs both variants of a handler on one sample, batch by batch, and tells the process that forked it how long each took. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import type { RecordTask } from "./record-time.ts";
import { inPairs } from "./timing.ts";

type Handler = (event: SQSEvent, context: Partial<Context>) => Promise<SQSBatchResponse>;

const context: Partial<Context> = {
  functionName: "bench",
  memoryLimitInMB: "256",
  invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:bench",
  awsRequestId: randomUUID(),
  getRemainingTimeInMillis: () => 10_000,
};

const [task] = (await once(process, "message")) as [RecordTask];
const { variants, samplePath, batchSize, warmUpRounds, rounds } = task;
const sample: SQSEvent = JSON.parse(await readFile(samplePath, "utf8"));

/** Each with an id of its own, as SQS gives them. */
function nextBatch(): SQSEvent {
  const records = Array.from({ length: batchSize }, (_, index) => {
    const record = sample.Records[index % sample.Records.length];
    if (!record) throw new Error(`${samplePath} holds no record`);
    return { ...record, messageId: randomUUID() };
  });
  return { Records: records };
}

async function handleBatch(handler: Handler): Promise<number> {
  const batch = nextBatch();
  const startedAt = performance.now();
  const { batchItemFailures } = await handler(batch, context);
  const tookMs = performance.now() - startedAt;
  if (batchItemFailures.length > 0)
    throw new Error(`${batchItemFailures.length} of ${batchSize} records failed`);
  return tookMs / batchSize;
}

const load = async (path: string): Promise<Handler> => (await import(pathToFileURL(path).href)).handler;
const deployed = await load(variants.deployed);
const bare = await load(variants.bare);
const measure = (count: number) =>
  inPairs(
    count,
    () => handleBatch(deployed),
    () => handleBatch(bare),
  );

await measure(warmUpRounds);
process.send?.(await measure(rounds));
process.disconnect();
process.exit();
