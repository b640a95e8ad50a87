import { AwsError } from "./aws-error.ts";
import { parseInput, textOf, toAwsTime } from "./aws-input.ts";
import { type Alarm, type AlarmTransition, createAlarms } from "./metrics/alarms.ts";
import { parseEmbeddedMetrics } from "./metrics/emf.ts";
import { queryMetricData, readMetricData } from "./metrics/metric-data.ts";
import { metricInputs } from "./metrics/metric-inputs.ts";
import { createMetricStore, type Datum, type MetricName, singleDatum } from "./metrics/metric-store.ts";
import type { AccessRequest, AwsInput, AwsJsonService, AwsPlace } from "./service.ts";

export interface CloudWatchDeps {
  readonly place: AwsPlace;
  readonly now: () => Date;
  /** Told of every change of an alarm's state, once. */
  readonly onAlarm: (transition: AlarmTransition) => void;
}

export interface CloudWatch {
  readonly service: AwsJsonService;
  /**
   * Creates or replaces an alarm from the properties of an AWS::CloudWatch::Alarm, intrinsics resolved.
   *
   * @throws ConfigError where a property is unknown, wrong, or does not go with another
   */
  putAlarm(properties: unknown): Alarm;
  alarms(): readonly Alarm[];
  /** Evaluates all alarms; call it about once a second, so that missing data is noticed. */
  evaluate(): void;
  /** Takes a line that a function wrote. Returns whether it was in the embedded metric format. */
  ingestEmf(line: string): boolean;
  /** Puts a metric of an AWS service, such as the depth of a queue. */
  putMetric(metric: MetricName, value: number, at?: Date): void;
}

/**
 * CloudWatch metrics and alarms in memory, for the last three hours or what the longest alarm looks back.
 * Left out: metric math, anomaly detection, composite alarms, filtering by unit.
 */
export function createCloudWatch({ place, now, onAlarm }: CloudWatchDeps): CloudWatch {
  const store = createMetricStore(now);
  const alarms = createAlarms({ place, now, store, onAlarm });

  const put = (data: readonly { readonly metric: MetricName; readonly datum: Datum }[]): void => {
    for (const { metric, datum } of data) store.put(metric, datum);
    for (const { metric } of data) alarms.evaluate(metric);
  };

  const onAlarmArn = (action: string, name: unknown): readonly AccessRequest[] => [
    { action, resource: `arn:aws:cloudwatch:${place.region}:${place.accountId}:alarm:${textOf(name)}` },
  ];

  return {
    putAlarm: alarms.put,
    alarms: alarms.list,

    evaluate() {
      store.prune();
      alarms.evaluate();
    },

    ingestEmf(line) {
      const data = parseEmbeddedMetrics(line);
      if (data) put(data);
      return data !== undefined;
    },

    putMetric(metric, value, at = now()) {
      put([{ metric, datum: singleDatum(value, at.getTime()) }]);
    },

    service: {
      targetPrefix: "GraniteServiceVersion20100801",
      jsonVersion: "1.0",
      operations: {
        PutMetricData: {
          access: ({ Namespace: namespace }) => [
            {
              action: "cloudwatch:PutMetricData",
              resource: "*",
              context: { "cloudwatch:namespace": textOf(namespace) },
            },
          ],
          run(input) {
            put(readMetricData(parseInput(metricInputs.PutMetricData, input), now()));
            return {};
          },
        },
        GetMetricData: {
          access: () => [{ action: "cloudwatch:GetMetricData", resource: "*" }],
          run: (input) => queryMetricData(store, parseInput(metricInputs.GetMetricData, input)),
        },
        ListMetrics: {
          access: () => [{ action: "cloudwatch:ListMetrics", resource: "*" }],
          run(input) {
            return { Metrics: store.metrics().filter(metricFilter(input)).map(describeMetric) };
          },
        },
        DescribeAlarms: {
          access: ({ AlarmNames: names }) =>
            (Array.isArray(names) && names.length > 0 ? names : ["*"]).flatMap((name: unknown) =>
              onAlarmArn("cloudwatch:DescribeAlarms", name),
            ),
          run(input) {
            return {
              MetricAlarms: alarms.list().filter(alarmFilter(input)).map(describeAlarm),
              CompositeAlarms: [],
            };
          },
        },
        SetAlarmState: {
          access: ({ AlarmName: name }) => onAlarmArn("cloudwatch:SetAlarmState", name),
          run(input) {
            const {
              AlarmName: name,
              StateValue,
              StateReason,
            } = parseInput(metricInputs.SetAlarmState, input);
            if (!alarms.get(name))
              throw new AwsError("ResourceNotFound", `Alarm ${name} does not exist.`, 404);
            alarms.setState(name, StateValue, StateReason);
            return {};
          },
        },
      },
    },
  };
}

function metricFilter(input: AwsInput): (metric: MetricName) => boolean {
  const { Namespace, MetricName: name, Dimensions = [] } = parseInput(metricInputs.ListMetrics, input);
  return (metric) =>
    (Namespace === undefined || metric.namespace === Namespace) &&
    (name === undefined || metric.name === name) &&
    Dimensions.every(({ Name, Value }) =>
      Value === undefined ? Object.hasOwn(metric.dimensions, Name) : metric.dimensions[Name] === Value,
    );
}

function alarmFilter(input: AwsInput): (alarm: Alarm) => boolean {
  const { AlarmNames, AlarmNamePrefix = "", StateValue } = parseInput(metricInputs.DescribeAlarms, input);
  return ({ definition: { name }, state }) =>
    (AlarmNames === undefined || AlarmNames.length === 0 || AlarmNames.includes(name)) &&
    name.startsWith(AlarmNamePrefix) &&
    (StateValue === undefined || state === StateValue);
}

function describeMetric({ namespace, name, dimensions }: MetricName): object {
  return { Namespace: namespace, MetricName: name, Dimensions: describeDimensions(dimensions) };
}

function describeDimensions(dimensions: MetricName["dimensions"]): readonly object[] {
  return Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
}

function describeAlarm({ definition, arn, state, reason, stateUpdatedAt }: Alarm): object {
  const isPercentile = definition.statistic.startsWith("p");
  return {
    AlarmName: definition.name,
    AlarmArn: arn,
    AlarmDescription: definition.description,
    ActionsEnabled: definition.actionsEnabled,
    AlarmActions: definition.alarmActions,
    OKActions: definition.okActions,
    InsufficientDataActions: definition.insufficientDataActions,
    StateValue: state,
    StateReason: reason,
    StateUpdatedTimestamp: toAwsTime(stateUpdatedAt),
    Namespace: definition.metric.namespace,
    MetricName: definition.metric.name,
    Dimensions: describeDimensions(definition.metric.dimensions),
    [isPercentile ? "ExtendedStatistic" : "Statistic"]: definition.statistic,
    Period: definition.periodSeconds,
    EvaluationPeriods: definition.evaluationPeriods,
    DatapointsToAlarm: definition.datapointsToAlarm,
    Threshold: definition.threshold,
    ComparisonOperator: definition.comparison,
    TreatMissingData: definition.treatMissingData,
  };
}
