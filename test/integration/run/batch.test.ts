import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAwsEvent } from "../../../local/aws/events/aws-event.ts";
import { labelUpdatedEvent, rotationSucceededEvent } from "../../../local/aws/secrets/secret-events.ts";
import type { Report } from "../../../shared/contract/report.ts";
import { topicKey } from "../../../shared/contract/topics.ts";
import { eventually, type FunctionName, startTestRun, type TestRun } from "./local-run.ts";
import { alarmState, hastenRetries, queueUrlOf } from "./operator-view.ts";
import { batchOf, failuresOf } from "./sqs-event.ts";
import { createTestStore, type TestStore } from "./store.ts";

let run: TestRun;
let store: TestStore;
beforeAll(async () => {
  run = await startTestRun();
  store = await createTestStore(run);
});
afterAll(() => run?.stop());

/** The event of the secret's current version, as Secrets Manager sends it. */
function labelUpdated(stage = "AWSCURRENT"): object {
  const secret = { arn: store.secretArn, name: store.secretName };
  const event = labelUpdatedEvent(run.place, secret, { stage, versionId: store.firstVersionId }, new Date());
  if (!event) throw new Error(`A move of ${stage} is told of`);
  return event;
}

function report(changes: object = {}): object {
  return {
    v: 1,
    secretArn: store.secretArn,
    versionId: store.firstVersionId,
    instanceId: "orders-1",
    service: "orders-api",
    outcome: "swapped",
    trigger: "notice",
    occurredAt: new Date().toISOString(),
    timings: {},
    topicKey: topicKey(store.secretArn),
    ...changes,
  } satisfies Partial<Report> & { topicKey: string };
}

function credentialVerified(version: number): object {
  const { secretArn, firstVersionId: versionId } = store;
  const at = new Date().toISOString();
  const detail = { v: version, secretArn, versionId, currentSince: at, occurredAt: at, verifyMs: 5 };
  return createAwsEvent(
    run.place,
    { source: run.eventSource, detailType: "CredentialVerified", detail },
    new Date(),
  );
}

const cloudTrail = () => rotationSucceededEvent(run.place, store.secretArn, new Date());

test.each<[FunctionName, string, () => object, () => string | object]>([
  ["notify", "text that is not JSON", labelUpdated, () => "{"],
  ["verify", "an event of another kind", cloudTrail, () => ({ source: "aws.ec2", "detail-type": "Stopped" })],
  ["redeploy", "a label that is no rotation", labelUpdated, () => labelUpdated("blue")],
  ["acknowledge", "a report of an unknown version", report, () => report({ v: 2 })],
  [
    "measure",
    "a domain event of an unknown version",
    () => credentialVerified(1),
    () => credentialVerified(2),
  ],
])("%s reports %s alone, in a batch of ten", async (name, _what, good, bad) => {
  const event = batchOf(
    run,
    name,
    Array.from({ length: 10 }, (_, index) => (index === 6 ? bad() : good())),
  );
  expect(await run.invoke(name, event)).toEqual(failuresOf(event, 6));
  const failed = run.seen.logsOf(name, { messageId: event.Records[6]?.messageId, level: "ERROR" });
  expect(failed.map(({ error }) => error?.name)).toEqual(["InvalidMessageError"]);
});

test("a message that keeps failing ends in the dead-letter queue and sets off its alarm; its neighbour does not", async () => {
  await hastenRetries(run, "measure");
  const bad = JSON.stringify(credentialVerified(2));
  const QueueUrl = await queueUrlOf(run, "measure");
  for (const MessageBody of [JSON.stringify(credentialVerified(1)), bad]) {
    await run.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  }
  await eventually(async () => expect(await alarmState(run, "measure-dead-letters")).toBe("ALARM"));

  const deadLetters = await queueUrlOf(run, "measure-dead-letters");
  const { Messages = [] } = await run.clients.sqs.send(
    new ReceiveMessageCommand({ QueueUrl: deadLetters, MaxNumberOfMessages: 10 }),
  );
  expect(Messages.map(({ Body }) => Body)).toEqual([bad]);
  const refused = run.seen.logsOf("measure", { messageId: Messages[0]?.MessageId });
  expect(refused.map(({ receiveCount }) => receiveCount)).toEqual([1, 2, 3, 4, 5]);

  const { Attributes } = await run.clients.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
  );
  expect(Attributes).toMatchObject({
    ApproximateNumberOfMessages: "0",
    ApproximateNumberOfMessagesNotVisible: "0",
  });
});
