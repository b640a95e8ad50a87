import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import type { SqsHandlerOptions } from "../../shared/lambda/sqs-handler.ts";

interface BareOptions<Message extends { readonly secretArn?: string | undefined }>
  extends Pick<SqsHandlerOptions<Message>, "parse" | "handle"> {
  readonly metrics?: { publishStoredMetrics(): void };
}

/**
 * Takes the place of shared/lambda/sqs-handler.ts in the bare variant: the same parsing and the same calls, written by
 * hand, without middleware, logger and batch processor.
 */
export function createSqsHandler<Message extends { readonly secretArn?: string | undefined }>({
  parse,
  handle,
  metrics,
}: BareOptions<Message>) {
  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const batchItemFailures: { itemIdentifier: string }[] = [];
    await Promise.all(
      Records.map(async ({ body, messageId, attributes }) => {
        try {
          const receiveCount = Number(attributes.ApproximateReceiveCount);
          const sentAt = new Date(Number(attributes.SentTimestamp));
          await handle(parse(JSON.parse(body)), messageId, receiveCount, sentAt);
        } catch (error) {
          console.error(error);
          batchItemFailures.push({ itemIdentifier: messageId });
        }
      }),
    );
    metrics?.publishStoredMetrics();
    return { batchItemFailures };
  };
}
