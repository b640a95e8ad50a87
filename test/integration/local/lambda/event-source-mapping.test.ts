import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { buildApp } from "fauxqs";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import {
  createEventSourceMapping,
  type EventSourceMapping,
  type EventSourceMappingOptions,
} from "../../../../local/lambda/event-source-mapping.ts";

interface Event {
  readonly Records: readonly {
    readonly messageId: string;
    readonly body: string;
    readonly attributes: Record<string, string>;
  }[];
}

const app = buildApp({ logger: false });
let sqs: SQSClient;
let endpoint: string;
const mappings: EventSourceMapping[] = [];

beforeAll(async () => {
  endpoint = await app.listen({ host: "127.0.0.1", port: 0 });
  sqs = new SQSClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "AKIAFAKEFAKE", secretAccessKey: "fake-secret" },
    maxAttempts: 1,
  });
});
afterEach(async () => {
  await Promise.all(mappings.splice(0).map((mapping) => mapping.stop()));
});
afterAll(async () => {
  sqs.destroy();
  await app.close();
});

async function createQueue(name: string, Attributes: Record<string, string> = {}) {
  const { QueueUrl: url = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  return { url, arn: `arn:aws:sqs:us-east-1:000000000000:${name}` };
}

/** Messages that are neither deleted nor dead: waiting and in flight. */
async function depth(url: string): Promise<{ waiting: number; inFlight: number }> {
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }),
  );
  return {
    waiting: Number(Attributes?.ApproximateNumberOfMessages),
    inFlight: Number(Attributes?.ApproximateNumberOfMessagesNotVisible),
  };
}

function map(
  queue: { url: string; arn: string },
  invoke: (event: Event) => Promise<unknown>,
  options: Partial<EventSourceMappingOptions> = {},
) {
  const log: string[] = [];
  const mapping = createEventSourceMapping({
    queueUrl: queue.url,
    queueArn: queue.arn,
    batchSize: 10,
    reportBatchItemFailures: true,
    sqs,
    invoke: (event) => invoke(event as Event),
    log: (message) => log.push(message),
    ...options,
  });
  mappings.push(mapping);
  mapping.start();
  return { mapping, log };
}

const send = (url: string, ...bodies: string[]) =>
  sqs.send(
    new SendMessageBatchCommand({
      QueueUrl: url,
      Entries: bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
    }),
  );

test("hands over what was sent, while it polls and from before, and deletes it", async () => {
  const queue = await createQueue("esm-all");
  await send(queue.url, "early");
  const seen: Event["Records"][number][] = [];
  map(queue, async ({ Records }) => {
    seen.push(...Records);
  });
  await vi.waitFor(() => expect(seen.map(({ body }) => body)).toEqual(["early"]));
  await send(queue.url, "late");
  await vi.waitFor(() => expect(seen.map(({ body }) => body)).toEqual(["early", "late"]));
  await vi.waitFor(async () => expect(await depth(queue.url)).toEqual({ waiting: 0, inFlight: 0 }));
  expect(seen[0]?.attributes).toMatchObject({
    ApproximateReceiveCount: "1",
    SentTimestamp: expect.stringMatching(/^\d{13}$/),
  });
});

test("of a batch of ten, retries the one that failed, until it is in the dead-letter queue", async () => {
  const dead = await createQueue("esm-dead");
  const queue = await createQueue("esm-redrive", {
    VisibilityTimeout: "1",
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 2 }),
  });
  const batches: string[][] = [];
  const counts: string[] = [];
  await send(queue.url, ...Array.from({ length: 10 }, (_, i) => `message ${i}`));
  map(queue, async ({ Records }) => {
    batches.push(Records.map(({ body }) => body));
    const bad = Records.filter(({ body }) => body === "message 3");
    counts.push(...bad.map(({ attributes }) => attributes.ApproximateReceiveCount ?? ""));
    return { batchItemFailures: bad.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  });
  const { Messages } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: dead.url, WaitTimeSeconds: 10, MaxNumberOfMessages: 10 }),
  );
  expect(Messages?.map(({ Body }) => Body)).toEqual(["message 3"]);
  expect(batches.map((batch) => batch.length)).toEqual([10, 1]);
  expect(counts).toEqual(["1", "2"]);
  expect(await depth(queue.url)).toEqual({ waiting: 0, inFlight: 0 });
});

test.for<[string, () => Promise<unknown>, boolean, number]>([
  ["the function throws", () => Promise.reject(new Error("bad")), true, 3],
  [
    "the answer names a message that was not in the batch",
    async () => ({ batchItemFailures: [{ itemIdentifier: "x" }] }),
    true,
    3,
  ],
  ["the answer is not of the form", async () => "done", true, 3],
  [
    "failures are reported, but the mapping does not ask for them",
    async () => ({ batchItemFailures: [{ itemIdentifier: "x" }] }),
    false,
    0,
  ],
] as const)(
  "keeps or deletes the whole batch where %s",
  async ([, invoke, reportBatchItemFailures, kept], { task }) => {
    const queue = await createQueue(`esm-${task.id.replaceAll(/\W/g, "")}`, { VisibilityTimeout: "60" });
    await send(queue.url, "a", "b", "c");
    const called = Promise.withResolvers<void>();
    const { mapping } = map(
      queue,
      () => {
        called.resolve();
        return invoke();
      },
      { reportBatchItemFailures },
    );
    await called.promise;
    await mapping.stop();
    expect(await depth(queue.url)).toEqual({ waiting: 0, inFlight: kept });
  },
);

test("has at most five batches under way", async () => {
  const queue = await createQueue("esm-concurrency");
  await send(queue.url, ..."abcdefg");
  const release = Promise.withResolvers<void>();
  let underWay = 0;
  let most = 0;
  let done = 0;
  map(
    queue,
    async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await release.promise;
      underWay -= 1;
      done += 1;
    },
    { batchSize: 1 },
  );
  await vi.waitFor(() => expect(underWay).toBe(5));
  release.resolve();
  await vi.waitFor(() => expect(done).toBe(7));
  expect(most).toBe(5);
});

test("fills a batch beyond ten within the window", async () => {
  const queue = await createQueue("esm-window");
  const sizes: number[] = [];
  map(
    queue,
    async ({ Records }) => {
      sizes.push(Records.length);
    },
    { batchSize: 12, maximumBatchingWindowSeconds: 5 },
  );
  await send(queue.url, ..."abcdefghij");
  await send(queue.url, "k", "l");
  await vi.waitFor(() => expect(sizes).toEqual([12]), { timeout: 6_000 });
});

test("stops at once in a long poll, and waits for the batch under way", async () => {
  const queue = await createQueue("esm-stop");
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const { mapping } = map(queue, async () => {
    started.resolve();
    await release.promise;
  });
  await sqs.send(new SendMessageCommand({ QueueUrl: queue.url, MessageBody: "one" }));
  await started.promise;
  let hasStopped = false;
  const stopped = mapping.stop().then(() => {
    hasStopped = true;
  });
  // The poll that waits for the next message is cut off; the batch is not.
  await new Promise((resolve) => setImmediate(resolve));
  expect(hasStopped).toBe(false);
  release.resolve();
  await stopped;
  expect(await depth(queue.url)).toEqual({ waiting: 0, inFlight: 0 });
});

test("says once that it may not receive, and keeps trying without spinning", async () => {
  const queue = await createQueue("esm-denied");
  let tries = 0;
  const denied = new SQSClient({
    endpoint,
    region: "us-east-1",
    credentials: async () => {
      tries += 1;
      throw Object.assign(new Error("demo is not authorized to perform: sqs:ReceiveMessage"), {
        name: "AccessDeniedException",
      });
    },
    maxAttempts: 1,
  });
  const { log, mapping } = map(queue, async () => {}, { sqs: denied });
  await vi.waitFor(() => expect(tries).toBeGreaterThanOrEqual(2), { timeout: 5_000 });
  expect(tries).toBeLessThan(5);
  await mapping.stop();
  expect(log).toEqual([
    "Event source mapping of arn:aws:sqs:us-east-1:000000000000:esm-denied: ReceiveMessage failed: AccessDeniedException: demo is not authorized to perform: sqs:ReceiveMessage",
  ]);
});
