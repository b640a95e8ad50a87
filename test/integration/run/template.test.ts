import { expect, test } from "vitest";
import { readStack } from "../../../local/stack/resources.ts";
import { loadTemplate } from "../../../local/stack/template.ts";
import { METRIC_NAMESPACE, METRIC_UNITS } from "../../../shared/lambda/telemetry.ts";
import { packagedStack } from "./local-run.ts";

const stage = "test";
const place = { accountId: "000000000000", region: "us-east-1" };
const { resources } = loadTemplate(packagedStack().template, {
  place,
  stackName: `keyturn-${stage}`,
  queueUrl: (name) => `http://127.0.0.1/${place.accountId}/${name}`,
});
const stack = readStack(resources);
const queueOf = (arn: string) => stack.queues.find((queue) => queue.arn === arn);

test.each(stack.mappings.map(({ logicalId, properties }) => [logicalId, properties] as const))(
  "%s hides a message for six times its function's timeout, and reports failures one by one",
  (_, { FunctionName, EventSourceArn, FunctionResponseTypes }) => {
    const target = stack.functions.find(({ name, arn }) => [name, arn].includes(FunctionName));
    const { VisibilityTimeout } = queueOf(EventSourceArn)?.properties ?? {};
    expect(VisibilityTimeout).toBe(6 * (target?.properties.Timeout ?? 0));
    expect(FunctionResponseTypes).toEqual(["ReportBatchItemFailures"]);
  },
);

test("every queue that a function reads has a dead-letter queue of its own, with an alarm", () => {
  const deadLetters = stack.mappings.map(
    ({ properties }) => queueOf(properties.EventSourceArn)?.properties.RedrivePolicy?.deadLetterTargetArn,
  );
  expect(new Set(deadLetters).size).toBe(stack.mappings.length);
  const watched = stack.alarms.flatMap(
    ({ properties }) => properties.Dimensions?.map(({ Value }) => Value) ?? [],
  );
  for (const arn of deadLetters) expect(watched).toContain(queueOf(arn ?? "")?.name);
});

test("every function has a role of its own", () => {
  expect(new Set(stack.functions.map(({ properties }) => properties.Role)).size).toBe(stack.functions.length);
});

test("every name carries the stage", () => {
  const { queues, tables, rules, functions, topicRules, alarms, roles } = stack;
  for (const { name } of [queues, tables, rules, functions, topicRules, alarms, roles].flat()) {
    expect(name).toMatch(/^keyturn[-_]test[-_]/);
  }
});

test("every alarm of ours watches a metric that measure emits", () => {
  const ours = stack.alarms.filter(({ properties }) => properties.Namespace === METRIC_NAMESPACE);
  expect(ours.length).toBeGreaterThan(0);
  for (const { properties } of ours) expect(Object.keys(METRIC_UNITS)).toContain(properties.MetricName);
});
