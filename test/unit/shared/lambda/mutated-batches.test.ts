import type { Context, SQSEvent } from "aws-lambda";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createNotify } from "../../../../functions/notify/notify.ts";
import { parseRotationEvent } from "../../../../shared/contract/rotation-event.ts";
import { createSqsHandler } from "../../../../shared/lambda/sqs-handler.ts";
import { createMutator, readSamples, seededRandom } from "../../../fakes/mutated-events.ts";
import { createFakePipeline } from "../../../fakes/pipeline.ts";

const BATCHES = 1_000;
const BATCH_SIZE = 10;
const SEED = 7;

beforeEach(() => {
  // The handler logs every record.
  vi.stubEnv("POWERTOOLS_LOG_LEVEL", "SILENT");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** An SQS event of the texts; ids are their places. */
function batchOf(bodies: readonly string[]): SQSEvent {
  return {
    Records: bodies.map((body, index) => ({
      messageId: String(index),
      receiptHandle: "EXAMPLE",
      body,
      attributes: {
        ApproximateReceiveCount: "1",
        SentTimestamp: "0",
        SenderId: "EXAMPLE",
        ApproximateFirstReceiveTimestamp: "0",
      },
      messageAttributes: {},
      md5OfBody: "",
      eventSource: "aws:sqs",
      eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:keyturn-test-notify",
      awsRegion: "us-east-1",
    })),
  };
}

const context = { functionName: "notify", awsRequestId: "EXAMPLE", memoryLimitInMB: "256" } as Context;

test("no mutated event takes the rest of its batch down", { timeout: 60_000 }, async () => {
  const fake = createFakePipeline();
  const handler = createSqsHandler({ parse: parseRotationEvent, handle: createNotify(fake.ports) });
  const next = createMutator(readSamples("sources"), SEED);
  const random = seededRandom(SEED);
  /** Some bodies are cut short, so that they are no JSON. */
  const nextBody = () => {
    const text = JSON.stringify(next()) ?? "";
    return random() < 0.05 ? text.slice(0, Math.floor(random() * text.length)) : text;
  };
  const good = JSON.stringify(readSamples("sources")[0]);

  for (let index = 0; index < BATCHES; index++) {
    const bodies = [good, ...Array.from({ length: BATCH_SIZE - 1 }, nextBody)];
    const { batchItemFailures } = await handler(batchOf(bodies), context);
    const failed = batchItemFailures.map(({ itemIdentifier }) => Number(itemIdentifier));
    if (failed.includes(0)) expect.unreachable(`A good event failed beside ${JSON.stringify(bodies)}`);
    if (!failed.every((id) => id > 0 && id < BATCH_SIZE)) expect.unreachable(`Ids of no record: ${failed}`);
  }
});
