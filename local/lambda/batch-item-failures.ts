import * as z from "zod/mini";

const Response = z.nullish(z.object({ batchItemFailures: z.nullish(z.array(z.unknown())) }));
const Failure = z.object({ itemIdentifier: z.string().check(z.minLength(1)) });

/**
 * Which messages of a batch failed, from the answer of a function with ReportBatchItemFailures. An answer that Lambda
 * cannot read fails them all: it must not take silence about a message for success.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
export function batchItemFailures(answer: unknown, messageIds: readonly string[]): readonly string[] {
  if (answer === "") return [];
  const response = z.safeParse(Response, answer);
  if (!response.success) return messageIds;
  const failed: string[] = [];
  for (const item of response.data?.batchItemFailures ?? []) {
    const failure = z.safeParse(Failure, item);
    if (!failure.success || !messageIds.includes(failure.data.itemIdentifier)) return messageIds;
    failed.push(failure.data.itemIdentifier);
  }
  return failed;
}
