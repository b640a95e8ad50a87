import { expect, test } from "vitest";
import {
  createTopicRule,
  matchesTopic,
  type TopicRuleProperties,
} from "../../../../local/stack/iot-topic-rule.ts";

test.for([
  ["a/b", "a/b", true],
  ["a/b", "a/b/c", false],
  ["a/b/c", "a/b", false],
  ["a/+/c", "a/b/c", true],
  ["a/+", "a/", true],
  ["a/+", "a", false],
  ["a/+", "a/b/c", false],
  ["a/#", "a/b/c", true],
  ["a/#", "a", true],
  ["a/#", "ab", false],
  ["#", "a/b", true],
  ["#", "$SYS/x", false],
  ["+/x", "$SYS/x", false],
  ["$SYS/#", "$SYS/x", true],
] as const)("%s selects %s: %s", ([filter, topic, expected]) => {
  expect(matchesTopic(filter, topic)).toBe(expected);
});

const reports: TopicRuleProperties["TopicRulePayload"] = {
  Sql: "SELECT * FROM 'keyturn/dev/reports/+'",
  Actions: [{ Sqs: { QueueUrl: "http://q/reports", RoleArn: "arn:aws:iam::000000000000:role/iot" } }],
};

function start(payload: Partial<typeof reports>, failing: readonly string[] = []) {
  const sent: string[][] = [];
  const log: string[] = [];
  const rule = createTopicRule(
    { RuleName: "reports", TopicRulePayload: { ...reports, ...payload } },
    {
      async sendMessage(...message) {
        if (failing.includes(message[0])) throw new Error("not authorized");
        sent.push(message);
      },
      log: (line) => log.push(line),
    },
  );
  return { rule, sent, log };
}

test("sends what the SQL selects to the queue, under the action's role", async () => {
  const { rule, sent } = start({});
  await rule("keyturn/dev/reports/orders", Buffer.from('{"v":1}'));
  await rule("keyturn/dev/notices/orders", Buffer.from("{}"));
  expect(sent).toEqual([["http://q/reports", '{"v":1}', "arn:aws:iam::000000000000:role/iot"]]);
});

test("tells the error action of a message that its SQL cannot be applied to", async () => {
  const Sql = "SELECT *, topic(4) AS topicKey FROM 'keyturn/dev/reports/+'";
  const ErrorAction = { Sqs: { QueueUrl: "http://q/errors", RoleArn: "arn" } };
  const { rule, sent } = start({ Sql, ErrorAction });
  await rule("keyturn/dev/reports/orders", Buffer.from("no JSON"));
  await rule("keyturn/dev/reports/orders", Buffer.from('{"v":1}'));
  expect(sent.map(([queue]) => queue)).toEqual(["http://q/errors", "http://q/reports"]);
  expect(sent[1]?.[1]).toBe('{"v":1,"topicKey":"orders"}');
});

test("sends Base64 where the action asks for it", async () => {
  const action = { Sqs: { QueueUrl: "http://q/reports", RoleArn: "arn", UseBase64: "true" as const } };
  const { rule, sent } = start({ Actions: [action] });
  await rule("keyturn/dev/reports/orders", Buffer.from("hello"));
  expect(sent.map(([, body]) => body)).toEqual(["aGVsbG8="]);
});

test("does nothing where it is disabled", async () => {
  const { rule, sent } = start({ RuleDisabled: true });
  await rule("keyturn/dev/reports/orders", Buffer.from("{}"));
  expect(sent).toEqual([]);
});

test("tells the error action of a failed action, and never fails the publisher", async () => {
  const ErrorAction = { Sqs: { QueueUrl: "http://q/errors", RoleArn: "arn" } };
  const { rule, sent, log } = start({ ErrorAction }, ["http://q/reports"]);
  await rule("keyturn/dev/reports/orders", Buffer.from("{}"));
  expect(log).toEqual(["IoT rule reports: message to http://q/reports failed: not authorized"]);
  expect(JSON.parse(sent[0]?.[1] ?? "")).toEqual({
    ruleName: "reports",
    topic: "keyturn/dev/reports/orders",
    base64OriginalPayload: "e30=",
    failures: [
      { failedAction: "SqsAction", failedResource: "http://q/reports", errorMessage: "not authorized" },
    ],
  });
});
