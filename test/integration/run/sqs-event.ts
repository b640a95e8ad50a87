import { randomUUID } from "node:crypto";
import { sqsEvent } from "../../../local/lambda/sqs-event.ts";
import type { FunctionName, TestRun } from "./local-run.ts";

/** The event that Lambda makes of messages with these bodies; an object becomes JSON. */
export function batchOf({ place, stage }: TestRun, name: FunctionName, bodies: readonly (string | object)[]) {
  const queue = name === "acknowledge" ? "reports" : name;
  return sqsEvent(
    bodies.map((body) => ({
      MessageId: randomUUID(),
      ReceiptHandle: "EXAMPLE",
      Body: typeof body === "string" ? body : JSON.stringify(body),
      Attributes: { ApproximateReceiveCount: "1", SentTimestamp: String(Date.now()) },
    })),
    `arn:aws:sqs:${place.region}:${place.accountId}:keyturn-${stage}-${queue}`,
  );
}

/** The answer by which a function has just these of an event's messages delivered again. */
export function failuresOf(event: ReturnType<typeof batchOf>, ...indexes: readonly number[]) {
  return { batchItemFailures: indexes.map((index) => ({ itemIdentifier: event.Records[index]?.messageId })) };
}
