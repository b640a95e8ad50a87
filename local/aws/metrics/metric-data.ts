import type * as z from "zod/mini";
import { AwsError } from "../aws-error.ts";
import type { metricInputs } from "./metric-inputs.ts";
import { type Datum, type MetricName, type MetricStore, weightedDatum } from "./metric-store.ts";
import { computeStatistic, isStatistic } from "./statistic.ts";

type PutInput = z.infer<(typeof metricInputs)["PutMetricData"]>;
type GetInput = z.infer<(typeof metricInputs)["GetMetricData"]>;

const HOUR_MS = 3_600_000;
const OLDEST_MS = 14 * 24 * HOUR_MS;
const NEWEST_MS = 2 * HOUR_MS;

/**
 * Reads the data of a PutMetricData call.
 *
 * @throws AwsError InvalidParameterValueException, InvalidParameterCombinationException, MissingRequiredParameterException
 */
export function readMetricData(
  { Namespace: namespace, MetricData: data }: PutInput,
  now: Date,
): readonly { readonly metric: MetricName; readonly datum: Datum }[] {
  if (namespace.startsWith("AWS/")) {
    throw new AwsError(
      "InvalidParameterValueException",
      "The value AWS/ for parameter Namespace is invalid.",
    );
  }
  return data.map((entry, index) => {
    const member = `MetricData.member.${index + 1}`;
    const atMs = entry.Timestamp === undefined ? now.getTime() : entry.Timestamp * 1000;
    if (atMs < now.getTime() - OLDEST_MS || atMs > now.getTime() + NEWEST_MS) {
      throw new AwsError(
        "InvalidParameterValueException",
        `The parameter ${member}.Timestamp must be within the last two weeks and no more than two hours in the future.`,
      );
    }
    return {
      metric: { namespace, name: entry.MetricName, dimensions: readDimensions(entry.Dimensions) },
      datum: readDatum(entry, member, atMs),
    };
  });
}

function readDatum(entry: PutInput["MetricData"][number], member: string, atMs: number): Datum {
  const { Value: value, Values: values, Counts: counts, StatisticValues: statistics } = entry;
  if ([value, values, statistics].filter((one) => one !== undefined).length > 1) {
    throw new AwsError(
      "InvalidParameterCombinationException",
      `The parameters ${member}.Value, ${member}.Values and ${member}.StatisticValues are mutually exclusive and you have specified more than one.`,
    );
  }
  if (statistics) {
    const { Sum: sum, Minimum: min, Maximum: max, SampleCount: sampleCount } = statistics;
    return { atMs, sum, min, max, sampleCount };
  }
  if (counts && counts.length !== values?.length) {
    throw new AwsError(
      "InvalidParameterValueException",
      `The parameters ${member}.Values and ${member}.Counts must be of the same size.`,
    );
  }
  const weighted = (values ?? (value === undefined ? [] : [value])).map(
    (one, index) => [one, counts?.[index] ?? 1] as const,
  );
  if (weighted.length === 0) {
    throw new AwsError(
      "MissingRequiredParameterException",
      `At least one of the parameters ${member}.Value, ${member}.Values or ${member}.StatisticValues must be specified.`,
    );
  }
  return weightedDatum(weighted, atMs);
}

/** Answers a GetMetricData call. @throws AwsError ValidationException for metric math and unknown statistics */
export function queryMetricData(store: MetricStore, input: GetInput): object {
  const { StartTime: start, EndTime: end, ScanBy: order, MetricDataQueries: queries } = input;
  if (start >= end)
    throw new AwsError(
      "ValidationException",
      "The parameter StartTime must be less than the parameter EndTime.",
    );
  const results = queries
    .filter(({ ReturnData: isReturned }) => isReturned !== false)
    .map(({ Id, Label, MetricStat, Expression }) => {
      if (!MetricStat || Expression !== undefined) {
        throw new AwsError(
          "ValidationException",
          `Query ${Id}: the local run answers MetricStat only, not Expression.`,
        );
      }
      const { Metric, Period: period, Stat: statistic } = MetricStat;
      if (!isStatistic(statistic)) {
        throw new AwsError(
          "ValidationException",
          `Query ${Id}: the value ${statistic} for parameter Stat is not supported.`,
        );
      }
      const metric = {
        namespace: Metric.Namespace,
        name: Metric.MetricName,
        dimensions: readDimensions(Metric.Dimensions),
      };
      const points = aggregate(store, metric, { start, end, period, statistic });
      if (order !== "TimestampAscending") points.reverse();
      return {
        Id,
        Label: Label ?? metric.name,
        Timestamps: points.map(([timestamp]) => timestamp),
        Values: points.map(([, value]) => value),
        StatusCode: "Complete",
      };
    });
  return { MetricDataResults: results, Messages: [] };
}

/** Times in seconds, oldest first. */
function aggregate(
  store: MetricStore,
  metric: MetricName,
  { start, end, period, statistic }: { start: number; end: number; period: number; statistic: string },
): [timestamp: number, value: number][] {
  const data = store.between(metric, start * 1000, end * 1000);
  const byPeriod = Map.groupBy(data, ({ atMs }) => Math.floor(atMs / 1000 / period) * period);
  return [...byPeriod]
    .toSorted(([left], [right]) => left - right)
    .flatMap(([timestamp, inPeriod]): [number, number][] => {
      const value = computeStatistic(statistic, inPeriod);
      return value === undefined ? [] : [[timestamp, value]];
    });
}

export function readDimensions(
  dimensions: readonly { readonly Name: string; readonly Value: string }[] = [],
): Readonly<Record<string, string>> {
  return Object.fromEntries(dimensions.map(({ Name, Value }) => [Name, Value]));
}
