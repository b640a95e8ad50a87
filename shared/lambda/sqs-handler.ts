import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import type { Metrics } from "@aws-lambda-powertools/metrics";
import { logMetrics } from "@aws-lambda-powertools/metrics/middleware";
import middy from "@middy/core";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { KeyturnError } from "../contract/errors.ts";
import { parseJson } from "../contract/message.ts";
import { type LogFields, SERVICE_NAME } from "./telemetry.ts";

export interface SqsHandlerOptions<
  Message extends { readonly secretArn?: string | undefined; readonly versionId?: string | undefined },
> {
  /** Reads a record's body; what it throws sends the record on its way to the dead-letter queue. */
  readonly parse: (body: unknown) => Message;
  /**
   * @param messageId the same at each delivery
   * @param receiveCount how often the message was delivered, this time included
   * @param sentAt when it came to the queue, the same at each delivery
   * @returns what was done, for the log
   */
  readonly handle: (
    message: Message,
    messageId: string,
    receiveCount: number,
    sentAt: Date,
  ) => Promise<string | { readonly outcome: string }>;
  /** Flushed as EMF at the end of each invocation, where the function emits metrics. */
  readonly metrics?: Metrics;
}

/**
 * The one middleware list: structured logs, metrics, and partial batch failures. A record that fails is reported
 * alone, so that SQS delivers just that one again, and the rest of the batch is deleted.
 */
export function createSqsHandler<
  Message extends { readonly secretArn?: string | undefined; readonly versionId?: string | undefined },
>(options: SqsHandlerOptions<Message>) {
  const logger = new Logger({ serviceName: SERVICE_NAME });
  const processor = new BatchProcessor(EventType.SQS);

  const handleRecord = async (record: SQSRecord): Promise<void> => {
    const startedAt = performance.now();
    // Records run in parallel: each has a logger of its own, so that no field leaks from one into another.
    const log = logger.createChild();
    const add = (fields: LogFields) => log.appendKeys({ ...fields });
    const receiveCount = Number(record.attributes.ApproximateReceiveCount);
    const sentAt = new Date(Number(record.attributes.SentTimestamp));
    add({ messageId: record.messageId, receiveCount });
    try {
      const message = options.parse(parseJson("Message", record.body));
      const { secretArn, versionId } = message;
      add({ ...(secretArn && { secretArn }), ...(versionId && { versionId }) });
      const done = await options.handle(message, record.messageId, receiveCount, sentAt);
      add(typeof done === "string" ? { outcome: done } : done);
      add({ durationMs: Math.round(performance.now() - startedAt) });
      log.info("Message handled");
    } catch (error) {
      add({ durationMs: Math.round(performance.now() - startedAt) });
      log.error("Message failed; SQS delivers it again, and then moves it to the dead-letter queue", {
        error: error as Error,
        ...(error instanceof KeyturnError && { details: error.details }),
      });
      throw error;
    }
  };

  const handler = middy<SQSEvent, SQSBatchResponse, Error, Context>().use(injectLambdaContext(logger));
  if (options.metrics) handler.use(logMetrics(options.metrics));
  return handler.handler((event, context) =>
    processPartialResponse(event, handleRecord, processor, { context, throwOnFullBatchFailure: false }),
  );
}
