import {
  EventBridgeClient,
  InvalidEventPatternException,
  ListRulesCommand,
  PutEventsCommand,
  TestEventPatternCommand,
} from "@aws-sdk/client-eventbridge";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type AwsEndpointFixture, roleArn, startAwsEndpoint } from "./aws-endpoint-fixture.ts";

let aws: AwsEndpointFixture;
let client: EventBridgeClient;

beforeAll(async () => {
  aws = await startAwsEndpoint();
  client = new EventBridgeClient(aws.operator);
  aws.eventBridge.putRule({
    Name: "swaps",
    EventPattern: { source: [{ prefix: "keyturn." }] },
    Targets: [{ Id: "measure", Arn: "arn:aws:sqs:us-east-1:000000000000:measure" }],
  });
});

afterAll(async () => {
  client.destroy();
  await aws.close();
});

const entry = { Source: "keyturn.dev", DetailType: "InstanceSwapped", Detail: '{"v":1}' };

describe("EventBridge through the SDK", () => {
  it("delivers what is put, with the time that it was given", async () => {
    const Time = new Date("2026-11-20T03:00:00Z");
    const { FailedEntryCount } = await client.send(new PutEventsCommand({ Entries: [{ ...entry, Time }] }));
    expect(FailedEntryCount).toBe(0);
    await vi.waitFor(() => expect(aws.delivered.at(-1)?.event.time).toBe("2026-11-20T03:00:00Z"));
  });

  it("does not let anyone send in the name of AWS", async () => {
    const { Entries } = await client.send(
      new PutEventsCommand({ Entries: [{ ...entry, Source: "aws.ecs" }] }),
    );
    expect(Entries).toMatchObject([{ ErrorCode: "NotAuthorizedForSourceException" }]);
  });

  it("lists rules and tries patterns", async () => {
    expect((await client.send(new ListRulesCommand({}))).Rules).toMatchObject([
      { Name: "swaps", State: "ENABLED" },
    ]);
    await expect(
      client.send(new TestEventPatternCommand({ Event: "{}", EventPattern: '{"source":"x"}' })),
    ).rejects.toBeInstanceOf(InvalidEventPatternException);
  });

  it("lets a role put events of the source alone that its policy names", async () => {
    await aws.authorizer.putRole(roleArn, [
      {
        Effect: "Allow",
        Action: "events:PutEvents",
        Resource: "arn:aws:events:us-east-1:000000000000:event-bus/default",
        Condition: { StringEquals: { "events:source": "keyturn.dev" } },
      },
    ]);
    const limited = new EventBridgeClient(aws.underRole);
    await expect(limited.send(new PutEventsCommand({ Entries: [entry] }))).resolves.toMatchObject({
      FailedEntryCount: 0,
    });
    await expect(
      limited.send(new PutEventsCommand({ Entries: [entry, { ...entry, Source: "keyturn.prod" }] })),
    ).rejects.toMatchObject({ name: "AccessDeniedException" });
    limited.destroy();
  });
});
