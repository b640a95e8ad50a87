import { beforeEach, describe, expect, it } from "vitest";
import { type CloudWatch, createCloudWatch } from "../../../../local/aws/cloudwatch.ts";
import type { AlarmTransition } from "../../../../local/aws/metrics/alarms.ts";
import type { AwsInput } from "../../../../local/aws/service.ts";

const place = { accountId: "000000000000", region: "us-east-1" };
const caller = { accessKeyId: "AKIAOPERATOR", name: "operator" };
const start = Date.parse("2026-11-20T03:00:00Z");

let nowMs: number;
let transitions: string[];
let cloudWatch: CloudWatch;

beforeEach(() => {
  nowMs = start;
  transitions = [];
  cloudWatch = createCloudWatch({
    place,
    now: () => new Date(nowMs),
    onAlarm: ({ alarm, previousState }: AlarmTransition) =>
      transitions.push(`${previousState} -> ${alarm.state}`),
  });
});

async function call(operation: string, input: AwsInput): Promise<Record<string, unknown>> {
  return { ...(await cloudWatch.service.operations[operation]?.run(input, caller)) };
}

const alarm = (change: object = {}) => ({
  AlarmName: "dead-letters",
  Namespace: "AWS/SQS",
  MetricName: "ApproximateNumberOfMessagesVisible",
  Dimensions: [{ Name: "QueueName", Value: "notify-dlq" }],
  Statistic: "Maximum",
  Period: 60,
  EvaluationPeriods: 1,
  Threshold: 1,
  ComparisonOperator: "GreaterThanOrEqualToThreshold",
  TreatMissingData: "notBreaching",
  ...change,
});

const depth = (value: number, queue = "notify-dlq") =>
  cloudWatch.putMetric(
    { namespace: "AWS/SQS", name: "ApproximateNumberOfMessagesVisible", dimensions: { QueueName: queue } },
    value,
  );

describe("alarms", () => {
  it("go off with the datum that breaches, and tell it once", () => {
    cloudWatch.putAlarm(alarm());
    cloudWatch.evaluate();
    depth(0);
    depth(3);
    depth(4);
    cloudWatch.evaluate();
    expect(transitions).toEqual(["INSUFFICIENT_DATA -> OK", "OK -> ALARM"]);
  });

  it("recover when a later period is within the threshold", () => {
    cloudWatch.putAlarm(alarm());
    depth(3);
    nowMs += 60_000;
    depth(0);
    expect(transitions).toEqual(["INSUFFICIENT_DATA -> ALARM", "ALARM -> OK"]);
  });

  it("recover when the breach leaves the evaluation range, where missing data is within the threshold", () => {
    cloudWatch.putAlarm(alarm());
    depth(3);
    nowMs += 3 * 60_000;
    cloudWatch.evaluate();
    expect(transitions.at(-1)).toBe("INSUFFICIENT_DATA -> ALARM");
    nowMs += 60_000;
    cloudWatch.evaluate();
    expect(transitions.at(-1)).toBe("ALARM -> OK");
  });

  it("lack data where missing data is treated as missing", () => {
    cloudWatch.putAlarm(alarm({ TreatMissingData: undefined }));
    depth(0);
    nowMs += 5 * 60_000;
    cloudWatch.evaluate();
    expect(transitions).toEqual(["INSUFFICIENT_DATA -> OK", "OK -> INSUFFICIENT_DATA"]);
  });

  it("look at the very dimensions that they name", () => {
    cloudWatch.putAlarm(alarm());
    depth(3, "another-dlq");
    cloudWatch.evaluate();
    expect(transitions).toEqual(["INSUFFICIENT_DATA -> OK"]);
  });

  it("need as many breaching periods as they say", () => {
    cloudWatch.putAlarm(alarm({ EvaluationPeriods: 3, DatapointsToAlarm: 2 }));
    for (const value of [0, 3, 0]) {
      depth(value);
      nowMs += 60_000;
    }
    expect(transitions).toEqual(["INSUFFICIENT_DATA -> OK"]);
    depth(3);
    expect(transitions.at(-1)).toBe("OK -> ALARM");
  });

  it("watch a percentile", () => {
    cloudWatch.putAlarm(
      alarm({
        Statistic: undefined,
        ExtendedStatistic: "p95",
        Threshold: "1000",
        ComparisonOperator: "GreaterThanThreshold",
      }),
    );
    for (let index = 0; index < 95; index++) depth(10);
    for (let index = 0; index < 5; index++) depth(5000);
    expect(transitions).toEqual(["INSUFFICIENT_DATA -> OK"]);
    depth(5000);
    expect(transitions.at(-1)).toBe("OK -> ALARM");
  });

  it("can be set to a state, until the next evaluation", async () => {
    cloudWatch.putAlarm(alarm());
    await call("SetAlarmState", { AlarmName: "dead-letters", StateValue: "ALARM", StateReason: "drill" });
    expect(await call("DescribeAlarms", { StateValue: "ALARM" })).toMatchObject({
      MetricAlarms: [
        { AlarmName: "dead-letters", StateReason: "drill", StateUpdatedTimestamp: start / 1000 },
      ],
    });
    cloudWatch.evaluate();
    expect(transitions).toEqual(["INSUFFICIENT_DATA -> ALARM", "ALARM -> OK"]);
  });

  it.each<[string, object, string]>([
    ["metric math", { Metrics: [] }, "does not support Metrics"],
    ["a unit", { Unit: "Count" }, "does not support Unit"],
    ["no statistic", { Statistic: undefined }, "needs either Statistic or ExtendedStatistic"],
    ["two statistics", { ExtendedStatistic: "p95" }, "needs either Statistic or ExtendedStatistic"],
    ["a trimmed mean", { Statistic: undefined, ExtendedStatistic: "tm90" }, "tm90 is not supported"],
    ["an odd period", { Period: 45 }, "Period must be 10, 20, 30 or a multiple of 60"],
    ["more breaches than periods", { DatapointsToAlarm: 2 }, "between 1 and EvaluationPeriods"],
    ["a band", { ComparisonOperator: "GreaterThanUpperThreshold" }, "ComparisonOperator: must be one of"],
  ])("are refused with %s", (_, change, message) => {
    expect(() => cloudWatch.putAlarm(alarm(change))).toThrow(message);
  });
});

describe("embedded metric format", () => {
  const line = JSON.stringify({
    _aws: {
      Timestamp: start,
      CloudWatchMetrics: [
        {
          Namespace: "keyturn",
          Dimensions: [["service", "stage"], []],
          Metrics: [
            { Name: "rejected", Unit: "Count" },
            { Name: "absent", Unit: "Count" },
          ],
        },
      ],
    },
    service: "orders",
    stage: "dev",
    rejected: [1, 2],
  });

  it("becomes a metric for each set of dimensions, and sets off alarms", async () => {
    cloudWatch.putAlarm(
      alarm({
        AlarmName: "rejected",
        Namespace: "keyturn",
        MetricName: "rejected",
        Dimensions: [],
        Statistic: "Sum",
      }),
    );
    expect(cloudWatch.ingestEmf(line)).toBe(true);
    expect((await call("ListMetrics", { Namespace: "keyturn" })).Metrics).toEqual([
      {
        Namespace: "keyturn",
        MetricName: "rejected",
        Dimensions: [
          { Name: "service", Value: "orders" },
          { Name: "stage", Value: "dev" },
        ],
      },
      { Namespace: "keyturn", MetricName: "rejected", Dimensions: [] },
    ]);
    expect(transitions).toEqual(["INSUFFICIENT_DATA -> ALARM"]);
  });

  it.each(["plain text", '{"message":"a log line"}', '{"_aws":{}}', '{"_aws"'])("is not %s", (text) => {
    expect(cloudWatch.ingestEmf(text)).toBe(false);
  });
});

describe("metric data", () => {
  const put = (data: object) =>
    call("PutMetricData", { Namespace: "app", MetricData: [{ MetricName: "latency", ...data }] });
  const get = (Stat: string, change: object = {}) =>
    call("GetMetricData", {
      StartTime: start / 1000 - 600,
      EndTime: start / 1000 + 600,
      MetricDataQueries: [
        { Id: "m1", MetricStat: { Metric: { Namespace: "app", MetricName: "latency" }, Period: 60, Stat } },
      ],
      ...change,
    });

  it.each([
    ["SampleCount", 4],
    ["Sum", 100],
    ["Average", 25],
    ["Minimum", 10],
    ["Maximum", 40],
    ["p50", 20],
    ["p99", 40],
  ])("gives its %s", async (statistic, expected) => {
    await put({ Value: 10 });
    await put({ Values: [20, 30, 40] });
    expect(await get(statistic)).toMatchObject({
      MetricDataResults: [
        { Id: "m1", Values: [expected], Timestamps: [start / 1000], StatusCode: "Complete" },
      ],
    });
  });

  it("counts values as often as they are said to occur", async () => {
    await put({ Values: [1, 5], Counts: [3, 1] });
    expect(await get("Average")).toMatchObject({ MetricDataResults: [{ Values: [2] }] });
  });

  it("has statistics, but no percentile, of what was put as statistics", async () => {
    await put({ StatisticValues: { SampleCount: 2, Sum: 6, Minimum: 1, Maximum: 5 } });
    expect(await get("Average")).toMatchObject({ MetricDataResults: [{ Values: [3] }] });
    expect(await get("p50")).toMatchObject({ MetricDataResults: [{ Values: [] }] });
  });

  it("comes newest first unless told otherwise", async () => {
    await put({ Value: 1, Timestamp: start / 1000 - 60 });
    await put({ Value: 2 });
    expect(await get("Sum")).toMatchObject({ MetricDataResults: [{ Values: [2, 1] }] });
    expect(await get("Sum", { ScanBy: "TimestampAscending" })).toMatchObject({
      MetricDataResults: [{ Values: [1, 2] }],
    });
  });

  it("is dropped after three hours", async () => {
    await put({ Value: 1 });
    nowMs += 3 * 3_600_000 + 1;
    cloudWatch.evaluate();
    expect((await call("ListMetrics", {})).Metrics).toEqual([]);
  });

  it.each<[object, string]>([
    [{}, "MissingRequiredParameterException"],
    [{ Value: 1, Values: [1] }, "InvalidParameterCombinationException"],
    [{ Values: [1], Counts: [1, 2] }, "InvalidParameterValueException"],
    [{ Value: 1, Timestamp: start / 1000 + 10_000 }, "InvalidParameterValueException"],
  ])("is refused as %j with %s", async (data, code) => {
    await expect(put(data)).rejects.toMatchObject({ code });
  });

  it("is refused in the namespaces of AWS", async () => {
    await expect(call("PutMetricData", { Namespace: "AWS/SQS", MetricData: [] })).rejects.toMatchObject({
      code: "InvalidParameterValueException",
    });
  });
});
