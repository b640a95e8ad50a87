import type { Context, SQSEvent } from "aws-lambda";
import { expect, onTestFinished, test, vi } from "vitest";
import { createSqsHandler } from "../../../../shared/lambda/sqs-handler.ts";

const BATCH_SIZE = 10;

test("the records of a batch are handled beside each other", async () => {
  vi.stubEnv("POWERTOOLS_LOG_LEVEL", "SILENT");
  onTestFinished(() => void vi.unstubAllEnvs());
  let begun = 0;
  const allHaveBegun = Promise.withResolvers<void>();
  const handler = createSqsHandler({
    parse: () => ({}),
    // Each waits for all others, so that one after the other would never end.
    handle: async () => {
      begun += 1;
      if (begun === BATCH_SIZE) allHaveBegun.resolve();
      await allHaveBegun.promise;
      return "done";
    },
  });

  const Records = Array.from({ length: BATCH_SIZE }, (_, index) => ({
    messageId: `message-${index}`,
    body: "{}",
    attributes: { ApproximateReceiveCount: "1" },
  }));
  const answer = await handler({ Records } as SQSEvent, { awsRequestId: "request-EXAMPLE" } as Context);
  expect(answer).toEqual({ batchItemFailures: [] });
});
