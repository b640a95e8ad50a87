import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  createEventBridge,
  type EventBridge,
  type EventDelivery,
} from "../../../../local/aws/event-bridge.ts";
import { createAwsEvent } from "../../../../local/aws/events/aws-event.ts";
import { scheduledEvent } from "../../../../local/aws/events/scheduled-event.ts";
import type { AwsInput } from "../../../../local/aws/service.ts";

const place = { accountId: "000000000000", region: "us-east-1" };
const now = () => new Date("2026-11-20T03:00:00.500Z");
const caller = { accessKeyId: "AKIAOPERATOR", name: "operator" };
const queue = "arn:aws:sqs:us-east-1:000000000000:q";

let delivered: EventDelivery[];
let eventBridge: EventBridge;
const log = vi.fn();

beforeEach(() => {
  delivered = [];
  eventBridge = createEventBridge({
    place,
    now,
    deliver: async (delivery) => void delivered.push(delivery),
    log,
  });
});

async function call(operation: string, input: AwsInput): Promise<Record<string, unknown>> {
  return { ...(await eventBridge.service.operations[operation]?.run(input, caller)) };
}

const rule = (change: object = {}) => ({
  Name: "swaps",
  EventPattern: { source: ["keyturn.dev"] },
  Targets: [{ Id: "measure", Arn: queue }],
  ...change,
});

const entry = (change: object = {}) => ({
  Source: "keyturn.dev",
  DetailType: "InstanceSwapped",
  Detail: '{"v":1}',
  ...change,
});

describe("PutEvents", () => {
  it("delivers an event to every target of the rules that match", async () => {
    eventBridge.putRule(rule());
    eventBridge.putRule(rule({ Name: "others", EventPattern: { source: ["other"] } }));
    const { FailedEntryCount, Entries } = await call("PutEvents", {
      Entries: [entry({ Resources: ["arn:x"] })],
    });
    expect(FailedEntryCount).toBe(0);
    await vi.waitFor(() => expect(delivered).toHaveLength(1));
    expect(delivered[0]).toMatchObject({ rule: { name: "swaps" }, target: { id: "measure", arn: queue } });
    expect(JSON.parse(delivered[0]?.body ?? "")).toEqual({
      version: "0",
      id: (Entries as { EventId: string }[])[0]?.EventId,
      "detail-type": "InstanceSwapped",
      source: "keyturn.dev",
      account: "000000000000",
      time: "2026-11-20T03:00:00Z",
      region: "us-east-1",
      resources: ["arn:x"],
      detail: { v: 1 },
    });
  });

  it("takes the time of an entry", async () => {
    eventBridge.putRule(rule());
    await call("PutEvents", { Entries: [entry({ Time: 1_795_143_000 })] });
    await vi.waitFor(() => expect(delivered[0]?.event.time).toBe("2026-11-20T02:50:00Z"));
  });

  it("fails entries one by one", async () => {
    eventBridge.putRule(rule());
    const { FailedEntryCount, Entries } = await call("PutEvents", {
      Entries: [
        entry({ Source: "aws.ecs" }),
        entry({ Detail: "[1]" }),
        entry({ Detail: "{" }),
        entry({ DetailType: undefined }),
        entry({ EventBusName: "other" }),
        entry(),
      ],
    });
    expect(FailedEntryCount).toBe(5);
    expect(Entries).toMatchObject([
      { ErrorCode: "NotAuthorizedForSourceException", ErrorMessage: "Not authorized for the source." },
      { ErrorCode: "MalformedDetail" },
      { ErrorCode: "MalformedDetail" },
      {
        ErrorCode: "InvalidArgument",
        ErrorMessage: "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
      },
      { ErrorCode: "ResourceNotFoundException" },
      { EventId: expect.any(String) },
    ]);
    await vi.waitFor(() => expect(delivered).toHaveLength(1));
  });

  it.each<[string, unknown, string]>([
    ["no entry", [], "greater than or equal to 1"],
    ["more than ten", Array.from({ length: 11 }, () => entry()), "less than or equal to 10"],
    ["more than a megabyte", [entry({ Detail: `{"x":"${"x".repeat(1_048_576)}"}` })], "over the limit"],
  ])("refuses a request with %s", async (_, Entries, message) => {
    await expect(call("PutEvents", { Entries })).rejects.toMatchObject({
      code: "ValidationException",
      message: expect.stringContaining(message),
    });
  });

  it("asks permission for the source and type of each entry", () => {
    const { operations } = eventBridge.service;
    expect(operations.PutEvents?.access({ Entries: [entry()] })).toEqual([
      {
        action: "events:PutEvents",
        resource: "arn:aws:events:us-east-1:000000000000:event-bus/default",
        context: { "events:source": "keyturn.dev", "events:detail-type": "InstanceSwapped" },
      },
    ]);
    expect(() => operations.PutEvents?.access({ Entries: [null, 1] })).not.toThrow();
  });
});

describe("rules", () => {
  const awsEvent = createAwsEvent(place, { source: "keyturn.dev", detailType: "t", detail: { a: 1 } }, now());

  it("carry events of AWS services", async () => {
    eventBridge.putRule(rule({ EventPattern: { source: ["aws.secretsmanager"] } }));
    await eventBridge.send({ ...awsEvent, source: "aws.secretsmanager" });
    expect(delivered).toHaveLength(1);
  });

  it("rest while they are disabled", async () => {
    eventBridge.putRule(rule({ State: "DISABLED" }));
    await eventBridge.send(awsEvent);
    expect(delivered).toEqual([]);
  });

  it("shape what their targets get", async () => {
    eventBridge.putRule(rule({ Targets: [{ Id: "a", Arn: queue, InputPath: "$.detail" }] }));
    await eventBridge.send(awsEvent);
    expect(delivered[0]?.body).toBe('{"a":1}');
  });

  it("survive a delivery that fails, and say so", async () => {
    const failing = createEventBridge({
      place,
      now,
      log,
      deliver: () => Promise.reject(new Error("no way")),
    });
    failing.putRule(rule());
    await failing.send(awsEvent);
    expect(log).toHaveBeenCalledWith("Event was not delivered", expect.objectContaining({ rule: "swaps" }));
  });

  it.each<[string, object, string]>([
    [
      "neither pattern nor schedule",
      { EventPattern: undefined },
      "EventPattern or ScheduleExpression must be specified",
    ],
    ["a schedule that is none", { ScheduleExpression: "hourly" }, "ScheduleExpression"],
    ["another bus", { EventBusName: "mine" }, "EventBusName: must be default"],
    [
      "an unknown property of a target",
      { Targets: [{ Id: "a", Arn: queue, SqsParameters: {} }] },
      "does not support Targets.0.SqsParameters",
    ],
    [
      "a pattern that AWS refuses",
      { EventPattern: { source: "x" } },
      '"source" must be an object or an array',
    ],
    [
      "six targets",
      { Targets: Array.from({ length: 6 }, (_, i) => ({ Id: `${i}`, Arn: queue })) },
      "Targets: EventBridge takes five targets on a rule",
    ],
  ])("are refused with %s", (_, change, message) => {
    expect(() => eventBridge.putRule(rule(change))).toThrow(message);
  });

  it("that go by the clock have the event of their own time, and no other's", async () => {
    const hourly = { EventPattern: undefined, ScheduleExpression: "rate(1 hour)" };
    eventBridge.putRule(rule({ Name: "hourly", ...hourly }));
    eventBridge.putRule(rule({ Name: "also-hourly", ...hourly }));
    await eventBridge.send(scheduledEvent(place, "hourly", now()));
    expect(delivered.map(({ rule: { name } }) => name)).toEqual(["hourly"]);
    expect(await call("DescribeRule", { Name: "hourly" })).toMatchObject({
      ScheduleExpression: "rate(1 hour)",
      EventPattern: undefined,
    });
  });

  it("can be listed and described", async () => {
    eventBridge.putRule(
      rule({ Targets: [{ Id: "a", Arn: queue, DeadLetterConfig: { Arn: `${queue}-dlq` } }] }),
    );
    const arn = "arn:aws:events:us-east-1:000000000000:rule/swaps";
    expect(await call("ListRules", { NamePrefix: "sw" })).toMatchObject({
      Rules: [{ Name: "swaps", Arn: arn }],
    });
    expect(await call("ListRules", { NamePrefix: "x" })).toEqual({ Rules: [] });
    expect(await call("DescribeRule", { Name: "swaps" })).toMatchObject({
      State: "ENABLED",
      EventPattern: '{"source":["keyturn.dev"]}',
    });
    expect(await call("ListTargetsByRule", { Rule: "swaps" })).toEqual({
      Targets: [{ Id: "a", Arn: queue, DeadLetterConfig: { Arn: `${queue}-dlq` } }],
    });
    await expect(call("DescribeRule", { Name: "none" })).rejects.toMatchObject({
      code: "ResourceNotFoundException",
      message: "Rule none does not exist on EventBus default.",
    });
  });

  it("can be tried", async () => {
    const Event = JSON.stringify(awsEvent);
    expect(await call("TestEventPattern", { Event, EventPattern: '{"detail":{"a":[1]}}' })).toEqual({
      Result: true,
    });
    expect(await call("TestEventPattern", { Event, EventPattern: '{"detail":{"a":[2]}}' })).toEqual({
      Result: false,
    });
    await expect(call("TestEventPattern", { Event: "{}", EventPattern: '{"a":[1]}' })).rejects.toThrow(
      "lacks mandatory fields",
    );
  });
});
