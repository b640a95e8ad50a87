import type { AwsPlace } from "../service.ts";
import { type AlarmDefinition, isBreaching, readAlarmProperties } from "./alarm-properties.ts";
import { type AlarmState, evaluationRange, nextAlarmState, type PeriodResult } from "./alarm-state.ts";
import type { MetricName, MetricStore } from "./metric-store.ts";
import { computeStatistic } from "./statistic.ts";

/** An alarm and the state it is in. */
export interface Alarm {
  readonly definition: AlarmDefinition;
  readonly arn: string;
  readonly state: AlarmState;
  readonly reason: string;
  readonly stateUpdatedAt: Date;
}

/** An alarm went from one state to another. */
export interface AlarmTransition {
  readonly alarm: Alarm;
  readonly previousState: AlarmState;
}

export interface AlarmsDeps {
  readonly place: AwsPlace;
  readonly now: () => Date;
  readonly store: MetricStore;
  readonly onAlarm: (transition: AlarmTransition) => void;
}

export interface Alarms {
  put(properties: unknown): Alarm;
  list(): readonly Alarm[];
  get(name: string): Alarm | undefined;
  /** Holds until the next evaluation, as on AWS. */
  setState(name: string, state: AlarmState, reason: string): void;
  /** Evaluates the alarms on one metric, or all. */
  evaluate(metric?: MetricName): void;
}

/**
 * The alarms on the metrics of a store. Periods start at multiples of their length. CloudWatch evaluates once a
 * minute, some time after a period has ended; here an alarm is evaluated at once, and the period under way counts
 * as soon as it has data.
 */
export function createAlarms({ place, now, store, onAlarm }: AlarmsDeps): Alarms {
  const alarms = new Map<string, Alarm>();

  const transit = (alarm: Alarm, state: AlarmState, reason: string): void => {
    if (state === alarm.state) return;
    const updated: Alarm = { ...alarm, state, reason, stateUpdatedAt: now() };
    alarms.set(alarm.definition.name, updated);
    onAlarm({ alarm: updated, previousState: alarm.state });
  };

  const periodValues = (definition: AlarmDefinition): readonly (number | undefined)[] => {
    const periodMs = definition.periodSeconds * 1000;
    const currentStart = Math.floor(now().getTime() / periodMs) * periodMs;
    const valueFrom = (startMs: number): number | undefined =>
      computeStatistic(definition.statistic, store.between(definition.metric, startMs, startMs + periodMs));
    const newestStart = valueFrom(currentStart) === undefined ? currentStart - periodMs : currentStart;
    return Array.from({ length: evaluationRange(definition) }, (_, index) =>
      valueFrom(newestStart - index * periodMs),
    );
  };

  const evaluateAlarm = (alarm: Alarm): void => {
    const { definition } = alarm;
    const values = periodValues(definition);
    const periods = values.map((value): PeriodResult => {
      if (value === undefined) return "missing";
      return isBreaching(definition, value) ? "breaching" : "ok";
    });
    const state = nextAlarmState(definition, periods, alarm.state);
    transit(alarm, state, describeReason(definition, values, state));
  };

  return {
    put(properties) {
      const definition = readAlarmProperties(properties);
      store.keepAtLeast(evaluationRange(definition) * definition.periodSeconds * 1000);
      const alarm: Alarm = {
        definition,
        arn: `arn:aws:cloudwatch:${place.region}:${place.accountId}:alarm:${definition.name}`,
        state: "INSUFFICIENT_DATA",
        reason: "Unchecked: Initial alarm creation",
        stateUpdatedAt: now(),
      };
      alarms.set(definition.name, alarm);
      return alarm;
    },

    list: () => [...alarms.values()],
    get: (name) => alarms.get(name),

    setState(name, state, reason) {
      const alarm = alarms.get(name);
      if (alarm) transit(alarm, state, reason);
    },

    evaluate(metric) {
      for (const alarm of alarms.values()) {
        const { namespace, name } = alarm.definition.metric;
        if (metric && (metric.namespace !== namespace || metric.name !== name)) continue;
        evaluateAlarm(alarm);
      }
    },
  };
}

function describeReason(
  { threshold, comparison, evaluationPeriods }: AlarmDefinition,
  values: readonly (number | undefined)[],
  state: AlarmState,
): string {
  const known = values.filter((value) => value !== undefined).slice(0, evaluationPeriods);
  if (state === "INSUFFICIENT_DATA" || known.length === 0) {
    return "Threshold Crossed: no datapoints were received for the evaluation range.";
  }
  return `Threshold Crossed: the last ${known.length} datapoints [${known.join(", ")}] were compared by ${comparison} to the threshold (${threshold}).`;
}
