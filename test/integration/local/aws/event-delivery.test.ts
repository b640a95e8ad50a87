import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createEventBridge } from "../../../../local/aws/event-bridge.ts";
import { createAwsEvent } from "../../../../local/aws/events/aws-event.ts";
import { createQueueDelivery } from "../../../../local/aws/events/event-delivery.ts";
import { type AwsEndpointFixture, place, startAwsEndpoint } from "./aws-endpoint-fixture.ts";

const ruleArn = "arn:aws:events:us-east-1:000000000000:rule/swaps";
const queueArn = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`;

let aws: AwsEndpointFixture;
let client: SQSClient;

beforeAll(async () => {
  aws = await startAwsEndpoint();
  client = new SQSClient(aws.operator);
});

afterAll(async () => {
  client.destroy();
  await aws.close();
});

const allowRule = (name: string) => ({
  Version: "2012-10-17",
  Statement: {
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: queueArn(name),
    Condition: { ArnEquals: { "aws:SourceArn": ruleArn } },
  },
});

async function receive(name: string) {
  const QueueUrl = `${aws.endpoint.url}/000000000000/${name}`;
  const command = new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5, MessageAttributeNames: ["All"] });
  return (await client.send(command)).Messages?.[0];
}

describe("events on their way to queues", () => {
  it("reach the queue that allows the rule, and the dead-letter queue where the first does not", async () => {
    for (const QueueName of ["open", "closed", "dead"])
      await client.send(new CreateQueueCommand({ QueueName }));
    const policies: Record<string, unknown> = {
      [queueArn("open")]: allowRule("open"),
      [queueArn("dead")]: allowRule("dead"),
    };
    const log = vi.fn();
    const eventBridge = createEventBridge({
      place,
      now: () => new Date(),
      log,
      deliver: createQueueDelivery({
        place,
        log,
        queuePolicy: (arn) => policies[arn],
        sendMessage: (arn, MessageBody, attributes) =>
          client.send(
            new SendMessageCommand({
              QueueUrl: `${aws.endpoint.url}/000000000000/${arn.split(":").at(-1)}`,
              MessageBody,
              MessageAttributes: Object.fromEntries(
                Object.entries(attributes).map(([key, StringValue]) => [
                  key,
                  { DataType: "String", StringValue },
                ]),
              ),
            }),
          ),
      }),
    });
    eventBridge.putRule({
      Name: "swaps",
      EventPattern: { source: ["keyturn.dev"] },
      Targets: [
        { Id: "open", Arn: queueArn("open") },
        { Id: "closed", Arn: queueArn("closed"), DeadLetterConfig: { Arn: queueArn("dead") } },
        { Id: "missing", Arn: queueArn("missing") },
      ],
    });

    const event = createAwsEvent(
      place,
      { source: "keyturn.dev", detailType: "t", detail: { v: 1 } },
      new Date(),
    );
    await eventBridge.send(event);

    expect(JSON.parse((await receive("open"))?.Body ?? "")).toEqual(event);
    expect(await receive("dead")).toMatchObject({
      Body: JSON.stringify(event),
      MessageAttributes: {
        RULE_ARN: { StringValue: ruleArn },
        TARGET_ARN: { StringValue: queueArn("closed") },
        ERROR_CODE: { StringValue: "NO_PERMISSIONS" },
      },
    });
    expect(log).toHaveBeenCalledWith(
      expect.stringContaining("Event was dropped"),
      expect.objectContaining({ target: queueArn("missing") }),
    );
  });
});
