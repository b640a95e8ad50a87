import * as z from "zod/mini";
import { ConfigError } from "../../../shared/contract/errors.ts";
import { parseProperties } from "../template-properties.ts";
import type { AlarmRule } from "./alarm-state.ts";
import type { MetricName } from "./metric-store.ts";
import { isStatistic } from "./statistic.ts";

const comparisons = {
  GreaterThanThreshold: (value, threshold) => value > threshold,
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
  LessThanOrEqualToThreshold: (value, threshold) => value <= threshold,
} as const satisfies Record<string, (value: number, threshold: number) => boolean>;

export type ComparisonOperator = keyof typeof comparisons;

/** What an alarm watches and when it goes off. */
export interface AlarmDefinition extends AlarmRule {
  readonly name: string;
  readonly description?: string;
  readonly metric: MetricName;
  /** `Sum`, `p95` and so on. */
  readonly statistic: string;
  readonly periodSeconds: number;
  readonly threshold: number;
  readonly comparison: ComparisonOperator;
  readonly actionsEnabled: boolean;
  /** ARNs of what is told when the alarm goes off. */
  readonly alarmActions: readonly string[];
  readonly okActions: readonly string[];
  readonly insufficientDataActions: readonly string[];
}

/** CloudFormation takes numbers in quotation marks. */
const NumberProperty = z.union([
  z.number(),
  z.pipe(z.string().check(z.regex(/^-?\d+(\.\d+)?$/)), z.transform(Number)),
]);
const Arns = z.optional(z.array(z.string()));

/** Properties of AWS::CloudWatch::Alarm for an alarm on one metric; metric math and anomaly bands are not among them. */
export const AlarmProperties = z.strictObject({
  AlarmName: z.string().check(z.minLength(1), z.maxLength(255)),
  AlarmDescription: z.optional(z.string()),
  ActionsEnabled: z.optional(z.boolean()),
  AlarmActions: Arns,
  OKActions: Arns,
  InsufficientDataActions: Arns,
  Namespace: z.string().check(z.minLength(1)),
  MetricName: z.string().check(z.minLength(1)),
  Dimensions: z.optional(z.array(z.strictObject({ Name: z.string(), Value: z.string() }))),
  Statistic: z.optional(z.enum(["SampleCount", "Average", "Sum", "Minimum", "Maximum"])),
  ExtendedStatistic: z.optional(z.string()),
  Period: NumberProperty,
  EvaluationPeriods: NumberProperty,
  DatapointsToAlarm: z.optional(NumberProperty),
  Threshold: NumberProperty,
  ComparisonOperator: z.enum(Object.keys(comparisons) as [ComparisonOperator, ...ComparisonOperator[]]),
  TreatMissingData: z.optional(z.enum(["breaching", "notBreaching", "ignore", "missing"])),
  Tags: z.optional(z.array(z.unknown())),
});

/**
 * Reads the properties of an AWS::CloudWatch::Alarm, intrinsics resolved.
 *
 * @throws ConfigError where a property is unknown, wrong, or does not go with another
 */
export function readAlarmProperties(properties: unknown): AlarmDefinition {
  const alarm = parseProperties("AWS::CloudWatch::Alarm", AlarmProperties, properties);
  const { AlarmName: name, Statistic, ExtendedStatistic, Period: periodSeconds } = alarm;
  const evaluationPeriods = alarm.EvaluationPeriods;
  const datapointsToAlarm = alarm.DatapointsToAlarm ?? evaluationPeriods;
  const statistic = Statistic ?? ExtendedStatistic ?? "";
  const problems: string[] = [];
  if ((Statistic === undefined) === (ExtendedStatistic === undefined)) {
    problems.push("needs either Statistic or ExtendedStatistic");
  } else if (!isStatistic(statistic)) {
    problems.push(`ExtendedStatistic ${statistic} is not supported; use a percentile such as p95`);
  }
  if (![10, 20, 30].includes(periodSeconds) && (periodSeconds <= 0 || periodSeconds % 60 !== 0)) {
    problems.push("Period must be 10, 20, 30 or a multiple of 60");
  }
  if (!Number.isInteger(evaluationPeriods) || evaluationPeriods < 1) {
    problems.push("EvaluationPeriods must be a positive integer");
  }
  if (
    !Number.isInteger(datapointsToAlarm) ||
    datapointsToAlarm < 1 ||
    datapointsToAlarm > evaluationPeriods
  ) {
    problems.push("DatapointsToAlarm must be between 1 and EvaluationPeriods");
  }
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `alarm ${name}: ${problem}`));
  return {
    name,
    ...(alarm.AlarmDescription !== undefined && { description: alarm.AlarmDescription }),
    metric: {
      namespace: alarm.Namespace,
      name: alarm.MetricName,
      dimensions: Object.fromEntries((alarm.Dimensions ?? []).map(({ Name, Value }) => [Name, Value])),
    },
    statistic,
    periodSeconds,
    evaluationPeriods,
    datapointsToAlarm,
    threshold: alarm.Threshold,
    comparison: alarm.ComparisonOperator,
    treatMissingData: alarm.TreatMissingData ?? "missing",
    actionsEnabled: alarm.ActionsEnabled ?? true,
    alarmActions: alarm.AlarmActions ?? [],
    okActions: alarm.OKActions ?? [],
    insufficientDataActions: alarm.InsufficientDataActions ?? [],
  };
}

export function isBreaching({ comparison, threshold }: AlarmDefinition, value: number): boolean {
  return comparisons[comparison](value, threshold);
}
