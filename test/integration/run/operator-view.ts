import { DescribeAlarmsCommand, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { QueryCommand } from "@aws-sdk/client-dynamodb";
import { GetQueueUrlCommand, SetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import type { MetricName } from "../../../shared/lambda/telemetry.ts";
import type { TestRun } from "./local-run.ts";

/** A row of the ledger: its sort key, and its text attributes. */
export interface LedgerRow {
  readonly sk: string;
  readonly [attribute: string]: string;
}

/** What the ledger holds about a secret. */
export const readLedger = (run: TestRun, secretArn: string) => readPartition(run, `SECRET#${secretArn}`);

/** Steps of a secret's rotations that were measured, by the measurement's key. */
export const readMeasured = (run: TestRun, secretArn: string) => readPartition(run, `MEASURED#${secretArn}`);

async function readPartition({ clients, stage }: TestRun, partition: string): Promise<LedgerRow[]> {
  const { Items = [] } = await clients.dynamoDb.send(
    new QueryCommand({
      TableName: `keyturn-${stage}-ledger`,
      ConsistentRead: true,
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": { S: partition } },
    }),
  );
  return Items.map((item) => ({
    sk: item.sk?.S ?? "",
    ...Object.fromEntries(
      Object.entries(item).flatMap(([name, { S: text }]) => (text === undefined ? [] : [[name, text]])),
    ),
  }));
}

/** What the ledger holds about a version's rotation; undefined where it never heard of it. */
export async function readVersion(
  run: TestRun,
  secretArn: string,
  versionId: string,
): Promise<LedgerRow | undefined> {
  const rows = await readLedger(run, secretArn);
  return rows.find(({ sk }) => sk.startsWith("ROTATION#") && sk.endsWith(`#${versionId}`));
}

/** A metric's sum since the run started. */
export async function sumOf({ clients, stage }: TestRun, metric: MetricName): Promise<number> {
  const now = Date.now();
  const { MetricDataResults: [result] = [] } = await clients.cloudWatch.send(
    new GetMetricDataCommand({
      StartTime: new Date(now - 3_600_000),
      EndTime: new Date(now + 60_000),
      MetricDataQueries: [
        {
          Id: "sum",
          MetricStat: {
            Metric: {
              Namespace: "Keyturn",
              MetricName: metric,
              Dimensions: [
                { Name: "service", Value: "keyturn" },
                { Name: "stage", Value: stage },
              ],
            },
            Period: 60,
            Stat: "Sum",
          },
        },
      ],
    }),
  );
  return (result?.Values ?? []).reduce((sum, value) => sum + value, 0);
}

/** @param name without the stack's name in front */
export async function alarmState({ clients, stage }: TestRun, name: string): Promise<string | undefined> {
  const { MetricAlarms: [alarm] = [] } = await clients.cloudWatch.send(
    new DescribeAlarmsCommand({ AlarmNames: [`keyturn-${stage}-${name}`] }),
  );
  return alarm?.StateValue;
}

/** @param name without the stack's name in front */
export async function queueUrlOf({ clients, stage }: TestRun, name: string): Promise<string> {
  const { QueueUrl = "" } = await clients.sqs.send(
    new GetQueueUrlCommand({ QueueName: `keyturn-${stage}-${name}` }),
  );
  return QueueUrl;
}

/**
 * Brings what failed back after a second, instead of six times the function's timeout.
 *
 * @param deliveries before the message goes to the dead-letter queue; as the template says where it is not given
 */
export async function hastenRetries(run: TestRun, name: string, deliveries?: number): Promise<void> {
  const { clients, place, stage } = run;
  const deadLetterTargetArn = `arn:aws:sqs:${place.region}:${place.accountId}:keyturn-${stage}-${name}-dead-letters`;
  await clients.sqs.send(
    new SetQueueAttributesCommand({
      QueueUrl: await queueUrlOf(run, name),
      Attributes: {
        VisibilityTimeout: "1",
        ...(deliveries && {
          RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: deliveries }),
        }),
      },
    }),
  );
}
