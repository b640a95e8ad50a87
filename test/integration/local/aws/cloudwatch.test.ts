import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  InvalidParameterValueException,
  PutMetricDataCommand,
  SetAlarmStateCommand,
} from "@aws-sdk/client-cloudwatch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AwsEndpointFixture, startAwsEndpoint } from "./aws-endpoint-fixture.ts";

let aws: AwsEndpointFixture;
let client: CloudWatchClient;

beforeAll(async () => {
  aws = await startAwsEndpoint();
  client = new CloudWatchClient(aws.operator);
});

afterAll(async () => {
  client.destroy();
  await aws.close();
});

describe("CloudWatch through the SDK", () => {
  it("reads large calls, which the SDK compresses", async () => {
    const MetricData = Array.from({ length: 500 }, (_, index) => ({
      MetricName: "latency",
      Dimensions: [{ Name: "service", Value: "orders-api-with-a-rather-long-name" }],
      Value: index,
    }));
    await client.send(new PutMetricDataCommand({ Namespace: "keyturn", MetricData }));
    const { MetricDataResults } = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(Date.now() - 3_600_000),
        EndTime: new Date(Date.now() + 60_000),
        MetricDataQueries: [
          {
            Id: "m1",
            MetricStat: {
              Metric: {
                Namespace: "keyturn",
                MetricName: "latency",
                Dimensions: [{ Name: "service", Value: "orders-api-with-a-rather-long-name" }],
              },
              Period: 3600,
              Stat: "SampleCount",
            },
          },
        ],
      }),
    );
    const counts = MetricDataResults?.[0]?.Values ?? [];
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(500);
    expect(MetricDataResults?.[0]?.Timestamps?.[0]).toBeInstanceOf(Date);
  });

  it("describes alarms, none to begin with", async () => {
    expect((await client.send(new DescribeAlarmsCommand({}))).MetricAlarms).toEqual([]);
  });

  it("fails with the SDK's own exceptions", async () => {
    await expect(
      client.send(
        new PutMetricDataCommand({ Namespace: "AWS/SQS", MetricData: [{ MetricName: "x", Value: 1 }] }),
      ),
    ).rejects.toBeInstanceOf(InvalidParameterValueException);
    await expect(
      client.send(new SetAlarmStateCommand({ AlarmName: "none", StateValue: "OK", StateReason: "x" })),
    ).rejects.toMatchObject({ name: "ResourceNotFound" });
  });
});
