export type AlarmState = "OK" | "ALARM" | "INSUFFICIENT_DATA";

export type MissingDataTreatment = "breaching" | "notBreaching" | "ignore" | "missing";

export interface AlarmRule {
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  readonly treatMissingData: MissingDataTreatment;
}

/** What a period had: a value within the threshold or past it, or no data. */
export type PeriodResult = "ok" | "breaching" | "missing";

/** CloudWatch looks at more periods than it evaluates, to make up for missing ones. How many more is not documented; its examples have two. */
const EXTRA_PERIODS = 2;

export function evaluationRange({ evaluationPeriods }: AlarmRule): number {
  return evaluationPeriods + EXTRA_PERIODS;
}

/**
 * The state that an alarm goes to.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 *
 * @param periods the evaluation range, newest first
 */
export function nextAlarmState(
  rule: AlarmRule,
  periods: readonly PeriodResult[],
  current: AlarmState,
): AlarmState {
  const { evaluationPeriods, datapointsToAlarm } = rule;
  const real = periods.filter((period) => period !== "missing").slice(0, evaluationPeriods);
  const missing = evaluationPeriods - real.length;
  const breaching = real.filter((period) => period === "breaching").length;
  if (breaching >= datapointsToAlarm) return "ALARM";
  if (missing === 0 || rule.treatMissingData === "notBreaching") return "OK";
  if (rule.treatMissingData === "breaching") return breaching + missing >= datapointsToAlarm ? "ALARM" : "OK";

  const isIgnored = rule.treatMissingData === "ignore";
  if (real.length === 0) return isIgnored ? current : "INSUFFICIENT_DATA";
  if (breaching < real.length) return "OK";
  if (isIgnored) return current;
  // Too few data, all of them breaching: an alarm once the oldest is old enough, not before, lest it be premature.
  const oldestAge = periods.lastIndexOf("breaching") + 1;
  return oldestAge >= datapointsToAlarm ? "ALARM" : "OK";
}
