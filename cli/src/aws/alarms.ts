import { type CloudWatchClient, paginateDescribeAlarms } from "@aws-sdk/client-cloudwatch";

export interface AlarmSummary {
  readonly name: string;
  readonly description: string;
  readonly isInAlarm: boolean;
  /** ARNs of whom it tells. */
  readonly tells: readonly string[];
  /** It is seen, and tells nobody for now. */
  readonly isMuted: boolean;
  /** What it watches, by dimension. */
  readonly dimensions: Readonly<Record<string, string>>;
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
            tells: alarm.AlarmActions ?? [],
            isMuted: alarm.ActionsEnabled === false,
            dimensions: Object.fromEntries(
              (alarm.Dimensions ?? []).map(({ Name = "", Value = "" }) => [Name, Value]),
            ),
          });
        }
      }
      return alarms;
    },
  };
}
