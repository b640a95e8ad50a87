import { beforeEach, describe, expect, it, vi } from "vitest";
import { createAwsEvent } from "../../../../../local/aws/events/aws-event.ts";
import { createQueueDelivery } from "../../../../../local/aws/events/event-delivery.ts";

const place = { accountId: "000000000000", region: "us-east-1" };
const rule = {
  name: "swaps",
  arn: "arn:aws:events:us-east-1:000000000000:rule/swaps",
  enabled: true,
  eventPattern: "{}",
  targets: [],
};
const queue = "arn:aws:sqs:us-east-1:000000000000:q";
const deadLetters = `${queue}-dlq`;
const event = createAwsEvent(place, { source: "s", detailType: "t", detail: {} }, new Date(0));

const policyFor = (resource: string, ruleArn = rule.arn) => ({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: { Service: "events.amazonaws.com" },
      Action: "sqs:SendMessage",
      Resource: resource,
      Condition: { ArnEquals: { "aws:SourceArn": ruleArn } },
    },
  ],
});

const sendMessage =
  vi.fn<(queueArn: string, body: string, attributes: Readonly<Record<string, string>>) => Promise<void>>();
const log = vi.fn();
let policies: Record<string, unknown>;

beforeEach(() => {
  sendMessage.mockReset().mockResolvedValue();
  log.mockReset();
  policies = { [queue]: policyFor(queue), [deadLetters]: policyFor(deadLetters) };
});

const deliver = (target: object = {}) =>
  createQueueDelivery({ place, sendMessage, queuePolicy: (arn) => policies[arn], log })({
    rule,
    target: { id: "t", arn: queue, deadLetterArn: deadLetters, ...target },
    event,
    body: "the body",
  });

describe("delivery to a queue", () => {
  it("sends the body where the queue's policy allows the rule", async () => {
    await deliver();
    expect(sendMessage.mock.calls).toEqual([[queue, "the body", {}]]);
    expect(log).not.toHaveBeenCalled();
  });

  it("goes to the dead-letter queue with EventBridge's attributes where the policy allows another rule only", async () => {
    policies[queue] = policyFor(queue, `${rule.arn}-other`);
    await deliver();
    expect(sendMessage.mock.calls).toEqual([
      [
        deadLetters,
        "the body",
        {
          RULE_ARN: rule.arn,
          TARGET_ARN: queue,
          ERROR_CODE: "NO_PERMISSIONS",
          ERROR_MESSAGE: expect.stringContaining(queue),
        },
      ],
    ]);
  });

  it("goes to the dead-letter queue where the queue does not exist", async () => {
    const missing = Object.assign(new Error("The specified queue does not exist."), {
      name: "QueueDoesNotExist",
    });
    sendMessage.mockRejectedValueOnce(missing);
    await deliver();
    expect(sendMessage.mock.lastCall?.[2]).toMatchObject({ ERROR_CODE: "NO_RESOURCE" });
  });

  it("drops the event with a logged line where the target has no dead-letter queue", async () => {
    delete policies[queue];
    await deliver({ deadLetterArn: undefined });
    expect(sendMessage).not.toHaveBeenCalled();
    expect(log).toHaveBeenCalledExactlyOnceWith(
      expect.stringContaining("dropped"),
      expect.objectContaining({ target: queue, code: "NO_PERMISSIONS" }),
    );
  });

  it("drops the event where the dead-letter queue does not allow the rule either", async () => {
    policies = {};
    await deliver();
    expect(sendMessage).not.toHaveBeenCalled();
    expect(log).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("neither"), expect.anything());
  });
});
