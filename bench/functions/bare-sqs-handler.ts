import type { SQSBatchResponse, SQSEvent } from "aws-lambda";

interface BareOptions<Message> {
  readonly parse: (body: unknown) => Message;
  readonly handle: (message: Message, messageId: string) => Promise<unknown>;
  readonly metrics?: { publishStoredMetrics(): void };
}

/**
 * Takes the place of shared/lambda/sqs-handler.ts in the bare variant: the same parsing and the same calls, written by
 * hand, without middleware, logger and batch processor.
 */
export function createSqsHandler<Message>({ parse, handle, metrics }: BareOptions<Message>) {
  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const batchItemFailures: { itemIdentifier: string }[] = [];
    await Promise.all(
      Records.map(async ({ body, messageId }) => {
        try {
          await handle(parse(JSON.parse(body)), messageId);
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
