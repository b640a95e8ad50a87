import type { Datum } from "./metric-store.ts";

/** Statistics that the local run computes; others are refused when they are asked for. */
const basicStatistics = {
  SampleCount: (data) => total(data, ({ sampleCount }) => sampleCount),
  Sum: (data) => total(data, ({ sum }) => sum),
  Average: (data) => total(data, ({ sum }) => sum) / total(data, ({ sampleCount }) => sampleCount),
  Minimum: (data) => Math.min(...data.map(({ min }) => min)),
  Maximum: (data) => Math.max(...data.map(({ max }) => max)),
} as const satisfies Record<string, (data: readonly Datum[]) => number>;

const PERCENTILE = /^p(\d{1,2}(?:\.\d{1,10})?|100)$/;

export function isStatistic(name: string): boolean {
  return Object.hasOwn(basicStatistics, name) || PERCENTILE.test(name);
}

/**
 * Computes a statistic such as `Sum` or `p95`; undefined where there is no data. A percentile also has none where
 * only statistics were put: CloudWatch cannot tell one from them either.
 */
export function computeStatistic(name: string, data: readonly Datum[]): number | undefined {
  if (data.length === 0) return undefined;
  const percentile = PERCENTILE.exec(name)?.[1];
  if (percentile !== undefined) return computePercentile(Number(percentile), data);
  return Object.hasOwn(basicStatistics, name)
    ? basicStatistics[name as keyof typeof basicStatistics](data)
    : undefined;
}

/** The smallest value that at least this share of all values does not exceed. */
function computePercentile(percentile: number, data: readonly Datum[]): number | undefined {
  if (data.some(({ values }) => values === undefined)) return undefined;
  const values = data.flatMap((datum) => datum.values ?? []).toSorted(([left], [right]) => left - right);
  const rank = (percentile / 100) * total(data, ({ sampleCount }) => sampleCount);
  let seen = 0;
  for (const [value, count] of values) {
    seen += count;
    if (seen >= rank) return value;
  }
  return values.at(-1)?.[0];
}

function total(data: readonly Datum[], of: (datum: Datum) => number): number {
  return data.reduce((sum, datum) => sum + of(datum), 0);
}
