import { type CloudWatchClient, paginateDescribeAlarms } from "@aws-sdk/client-cloudwatch";

export interface AlarmSummary {
  readonly name: string;
  readonly description: string;
  readonly isInAlarm: boolean;
  /** Whether anybody is told. */
  readonly hasActions: boolean;
}

export interface Alarms {
  /** Those whose names begin so. */
  list(prefix: string): Promise<AlarmSummary[]>;
}

export function createAlarms(client: CloudWatchClient): Alarms {
  return {
    async list(AlarmNamePrefix) {
      const alarms: AlarmSummary[] = [];
      for await (const page of paginateDescribeAlarms({ client }, { AlarmNamePrefix })) {
        for (const alarm of page.MetricAlarms ?? []) {
          alarms.push({
            name: alarm.AlarmName ?? "",
            description: alarm.AlarmDescription ?? "",
            isInAlarm: alarm.StateValue === "ALARM",
            hasActions: alarm.ActionsEnabled !== false && (alarm.AlarmActions ?? []).length > 0,
          });
        }
      }
      return alarms;
    },
  };
}
