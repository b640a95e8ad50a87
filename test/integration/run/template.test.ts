import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as z from "zod/mini";
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

/** Names of what alarms on a metric watch. */
const watchedBy = (metric: string) =>
  stack.alarms
    .filter(({ properties }) => properties.MetricName === metric)
    .flatMap(({ properties }) => properties.Dimensions?.map(({ Value }) => Value) ?? [])
    .toSorted();

test("every queue that a function reads has an alarm on the age of its oldest message, which waits for longer than a retry takes", () => {
  const sources = stack.mappings.map(({ properties }) => queueOf(properties.EventSourceArn));
  expect(watchedBy("ApproximateAgeOfOldestMessage")).toEqual(sources.map((queue) => queue?.name).toSorted());
  for (const { properties } of stack.alarms) {
    if (properties.MetricName !== "ApproximateAgeOfOldestMessage") continue;
    const queue = stack.queues.find(({ name }) => name === properties.Dimensions?.[0]?.Value);
    const { VisibilityTimeout = 0, DelaySeconds = 0 } = queue?.properties ?? {};
    expect(Number(properties.Threshold)).toBe(VisibilityTimeout + DelaySeconds + 300);
  }
});

test("every function has an alarm on its errors, and one on its throttles; every rule one on failed invocations", () => {
  const functions = stack.functions.map(({ name }) => name).toSorted();
  expect(watchedBy("Errors")).toEqual(functions);
  expect(watchedBy("Throttles")).toEqual(functions);
  expect(watchedBy("FailedInvocations")).toEqual(stack.rules.map(({ name }) => name).toSorted());
});

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

test("every alarm tells one topic, which is the stage's own and is among the outputs", () => {
  const topic = resources.find(({ type }) => type === "AWS::SNS::Topic")?.ref;
  expect(topic).toBe(`arn:aws:sns:${place.region}:${place.accountId}:keyturn-${stage}-alarms`);
  for (const { properties } of stack.alarms) {
    expect(properties.AlarmActions).toEqual([topic]);
    expect(properties.OKActions).toEqual([topic]);
  }
  expect(packagedStack().template).toMatchObject({
    Outputs: { AlarmTopicArn: { Value: { Ref: "AlarmTopic" } } },
  });
});

test("every alarm of ours watches a metric that measure emits", () => {
  const ours = stack.alarms.filter(({ properties }) => properties.Namespace === METRIC_NAMESPACE);
  expect(ours.length).toBeGreaterThan(0);
  for (const { properties } of ours) expect(Object.keys(METRIC_UNITS)).toContain(properties.MetricName);
});

test("every alarm has its place in the runbook", () => {
  const runbook = readFileSync(new URL("../../../docs/runbook.md", import.meta.url), "utf8");
  const missing = stack.alarms.filter(
    ({ name }) => !runbook.includes(`\`${name.replace("keyturn-test-", "")}\``),
  );
  expect(missing.map(({ name }) => name)).toEqual([]);
});

/** Metrics of AWS's that the dashboard may show, by namespace. */
const AWS_METRICS: Readonly<Record<string, readonly string[]>> = {
  "AWS/SQS": ["ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"],
  "AWS/Lambda": ["Errors", "Throttles", "Duration"],
};
const DashboardBody = z.object({
  widgets: z.array(
    z.object({
      properties: z.object({
        alarms: z.optional(z.array(z.string())),
        metrics: z.optional(z.array(z.array(z.unknown()))),
      }),
    }),
  ),
});

describe("the dashboard", () => {
  const { DashboardBody: text } =
    resources.find(({ type }) => type === "AWS::CloudWatch::Dashboard")?.properties ?? {};
  const widgets = z
    .parse(DashboardBody, JSON.parse(String(text)))
    .widgets.map(({ properties }) => properties);
  const lines = widgets.flatMap(({ metrics = [] }) => metrics);
  const searches = lines.flatMap(([first]) => (typeof first === "object" ? [JSON.stringify(first)] : []));

  test("shows every alarm of the stack", () => {
    const shown = widgets.flatMap(({ alarms = [] }) => alarms.map((arn) => arn.split(":alarm:").at(-1)));
    expect(shown.toSorted()).toEqual(stack.alarms.map(({ name }) => name).toSorted());
  });

  test("shows every metric of Keyturn's own, and of AWS's such as exist, of resources that are in the stack", () => {
    const shown = new Set<unknown>();
    const names = new Set([...stack.queues, ...stack.functions].map(({ name }) => name));
    for (const [namespace, metric, dimension, resource] of lines) {
      if (typeof namespace !== "string") continue;
      if (namespace === METRIC_NAMESPACE) {
        shown.add(metric);
        continue;
      }
      expect(AWS_METRICS[namespace]).toContain(metric);
      expect(["QueueName", "FunctionName"]).toContain(dimension);
      expect(names).toContain(resource);
    }
    expect([...shown].toSorted()).toEqual(Object.keys(METRIC_UNITS).toSorted());
  });

  test("shows by secret what measure sends by secret", () => {
    expect(searches.length).toBeGreaterThan(0);
    for (const search of searches) {
      const [, metric] =
        /\{Keyturn,secret,service,stage\} MetricName=\\"(\w+)\\" stage=\\"test\\"/.exec(search) ?? [];
      expect(Object.keys(METRIC_UNITS)).toContain(metric);
    }
  });
});
