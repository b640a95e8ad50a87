import { setTimeout as delay } from "node:timers/promises";
import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { batchItemFailures } from "./batch-item-failures.ts";
import { sqsEvent } from "./sqs-event.ts";

export interface EventSourceMappingOptions {
  readonly queueUrl: string;
  readonly queueArn: string;
  /** Messages in one event; AWS's default is 10. */
  readonly batchSize: number;
  /** How long to wait for a batch to fill once it has a message. Default 0. */
  readonly maximumBatchingWindowSeconds?: number;
  /** `FunctionResponseTypes` holds `ReportBatchItemFailures`. */
  readonly reportBatchItemFailures: boolean;
  /** Batches under way at a time. Default 5, with which Lambda starts. */
  readonly maximumConcurrency?: number;
  /** Under the function's role: Lambda polls with the function's own permissions. */
  readonly sqs: SQSClient;
  readonly invoke: (event: unknown) => Promise<unknown>;
  readonly log: (message: string) => void;
}

export interface EventSourceMapping {
  start(): void;
  /** Ends polling at once, and waits for the batches under way. May be called again. */
  stop(): Promise<void>;
}

/** What one ReceiveMessage and one DeleteMessageBatch take. */
const SQS_BATCH = 10;
const WAIT_SECONDS = 20;
const LONGEST_BACKOFF_MS = 30_000;

/**
 * Feeds a queue's messages to a function, as Lambda does: long polling, batches, partial failures. What succeeded is
 * deleted; what failed stays in the queue until its visibility timeout, and goes to the dead-letter queue by the
 * queue's own redrive policy.
 */
export function createEventSourceMapping(options: EventSourceMappingOptions): EventSourceMapping {
  const { queueUrl, queueArn, batchSize, sqs, log } = options;
  const windowMs = (options.maximumBatchingWindowSeconds ?? 0) * 1000;
  const maximumConcurrency = options.maximumConcurrency ?? 5;
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  const complaints = new Map<string, string>();
  let polling: Promise<void> | undefined;

  /** A missing permission repeats with every poll; saying it once is enough, until the call has worked again. */
  function complain(call: string, error: unknown): void {
    const message = `Event source mapping of ${queueArn}: ${call} failed: ${describe(error)}`;
    if (complaints.get(call) !== message) log(message);
    complaints.set(call, message);
  }

  async function receive(most: number, waitSeconds: number): Promise<Message[]> {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: Math.min(most, SQS_BATCH),
        WaitTimeSeconds: waitSeconds,
        MessageSystemAttributeNames: ["All"],
        MessageAttributeNames: ["All"],
      }),
      { abortSignal: stopping.signal },
    );
    return Messages;
  }

  async function nextBatch(): Promise<Message[]> {
    const batch = await receive(batchSize, WAIT_SECONDS);
    const deadline = Date.now() + windowMs;
    while (
      batch.length > 0 &&
      batch.length < batchSize &&
      Date.now() < deadline &&
      !stopping.signal.aborted
    ) {
      const waitSeconds = Math.min(WAIT_SECONDS, Math.floor((deadline - Date.now()) / 1000));
      // What was received must not be lost to a poll that stops or fails.
      const more = await receive(batchSize - batch.length, waitSeconds).catch(() => undefined);
      if (more === undefined) break;
      batch.push(...more);
      if (more.length === 0 && waitSeconds === 0) {
        await delay(Math.max(0, Math.min(100, deadline - Date.now())));
      }
    }
    return batch;
  }

  async function handle(batch: readonly Message[]): Promise<void> {
    const ids = batch.map((message) => message.MessageId ?? "");
    let failed: readonly string[] = [];
    try {
      const answer = await options.invoke(sqsEvent(batch, queueArn));
      if (options.reportBatchItemFailures) failed = batchItemFailures(answer, ids);
    } catch {
      // The function's runtime has logged why.
      failed = ids;
    }
    const succeeded = batch.filter((message) => !failed.includes(message.MessageId ?? ""));
    for (let start = 0; start < succeeded.length; start += SQS_BATCH) {
      await remove(succeeded.slice(start, start + SQS_BATCH));
    }
  }

  async function remove(messages: readonly Message[]): Promise<void> {
    try {
      const Entries = messages.map((message, index) => ({
        Id: String(index),
        ReceiptHandle: message.ReceiptHandle,
      }));
      const { Failed = [] } = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      if (Failed.length === 0) complaints.delete("DeleteMessageBatch");
      for (const failure of Failed) complain("DeleteMessageBatch", `${failure.Code}: ${failure.Message}`);
    } catch (error) {
      complain("DeleteMessageBatch", error);
    }
  }

  async function poll(): Promise<void> {
    let backoffMs = 500;
    while (!stopping.signal.aborted) {
      try {
        const batch = await nextBatch();
        backoffMs = 500;
        complaints.delete("ReceiveMessage");
        if (batch.length === 0) continue;
        const handling = handle(batch).finally(() => underWay.delete(handling));
        underWay.add(handling);
        while (underWay.size >= maximumConcurrency) await Promise.race(underWay);
      } catch (error) {
        if (stopping.signal.aborted) break;
        complain("ReceiveMessage", error);
        await delay(backoffMs, undefined, { signal: stopping.signal }).catch(() => {});
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      }
    }
    await Promise.all(underWay);
  }

  return {
    start() {
      polling ??= poll();
    },
    async stop() {
      stopping.abort();
      await polling;
    },
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
