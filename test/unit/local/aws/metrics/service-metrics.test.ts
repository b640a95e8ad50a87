import { beforeEach, describe, expect, test } from "vitest";
import { type CloudWatch, createCloudWatch } from "../../../../../local/aws/cloudwatch.ts";
import { measureFunction } from "../../../../../local/aws/metrics/function-metrics.ts";
import { createQueueMetrics } from "../../../../../local/aws/metrics/queue-metrics.ts";

const now = new Date("2026-11-20T03:00:30Z");
let cloudWatch: CloudWatch;
beforeEach(() => {
  const place = { accountId: "000000000000", region: "us-east-1" };
  cloudWatch = createCloudWatch({ place, now: () => now, onAlarm: () => undefined });
});

const watch = (namespace: string, metric: string, dimension: string, threshold = 0) =>
  cloudWatch.putAlarm({
    AlarmName: metric,
    Namespace: namespace,
    MetricName: metric,
    Dimensions: [{ Name: dimension, Value: "notify" }],
    Statistic: "Maximum",
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: threshold,
    ComparisonOperator: "GreaterThanThreshold",
    TreatMissingData: "notBreaching",
  });
const states = () =>
  Object.fromEntries(cloudWatch.alarms().map(({ definition, state }) => [definition.name, state]));

describe("what SQS tells of queues", () => {
  const measure = (depth: number | undefined, oldestSentAt: Date | undefined) =>
    createQueueMetrics({
      cloudWatch,
      now: () => now,
      depth: async () => depth,
      oldestSentAt: async () => oldestSentAt,
    })();

  test("is depth, and the age of the oldest message in whole seconds", async () => {
    watch("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", 1);
    watch("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", 9);
    await measure(1, new Date(now.getTime() - 9_999));
    expect(Object.values(states())).toEqual(["OK", "OK"]);
    await measure(2, new Date(now.getTime() - 10_000));
    expect(Object.values(states())).toEqual(["ALARM", "ALARM"]);
  });

  test("is the age 0 of a queue that is empty", async () => {
    watch("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", -1);
    await measure(0, undefined);
    expect(states()).toEqual({ ApproximateAgeOfOldestMessage: "ALARM" });
  });
});

describe("what Lambda tells of functions", () => {
  const functionArn = "arn:aws:lambda:us-east-1:000000000000:function:notify";
  const stop = async () => undefined;
  const watchAll = () => {
    for (const metric of ["Invocations", "Errors", "Throttles"]) watch("AWS/Lambda", metric, "FunctionName");
  };

  test("is no error where the function answers", async () => {
    watchAll();
    const invoke = async () => "answer";
    const measured = measureFunction({ functionArn, stop, invoke }, { cloudWatch, name: "notify" });
    expect(await measured.invoke({})).toBe("answer");
    expect(states()).toMatchObject({ Invocations: "ALARM", Errors: "OK" });
  });

  test("is an error where it throws", async () => {
    watchAll();
    const invoke = () => Promise.reject(new Error("crashed"));
    const measured = measureFunction({ functionArn, stop, invoke }, { cloudWatch, name: "notify" });
    await expect(measured.invoke({})).rejects.toThrow("crashed");
    expect(states()).toMatchObject({ Invocations: "ALARM", Errors: "ALARM" });
  });

  test("is a throttle, and no invocation, where no concurrency is reserved for it", async () => {
    watchAll();
    const invoke = () => Promise.reject(new Error("must not run"));
    const deps = { cloudWatch, name: "notify", reservedConcurrency: 0 };
    await expect(measureFunction({ functionArn, stop, invoke }, deps).invoke({})).rejects.toThrow(
      "Rate Exceeded",
    );
    expect(states()).toEqual({
      Throttles: "ALARM",
      Invocations: "INSUFFICIENT_DATA",
      Errors: "INSUFFICIENT_DATA",
    });
  });
});
