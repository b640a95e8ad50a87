/** What was put for a metric at one moment: one value, or many together. */
export interface Datum {
  readonly atMs: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly sampleCount: number;
  /** Each value with how often it occurred; absent where only the statistics were put. */
  readonly values?: readonly (readonly [value: number, count: number])[];
}

export interface MetricName {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** Metrics of the last hours, in memory. */
export interface MetricStore {
  put(metric: MetricName, datum: Datum): void;
  /** Data of exactly this metric, dimensions included, from `fromMs` up to but not including `toMs`. */
  between(metric: MetricName, fromMs: number, toMs: number): readonly Datum[];
  metrics(): readonly MetricName[];
  /** Data is kept for this long at least. Three hours unless an alarm looks back further. */
  keepAtLeast(durationMs: number): void;
  /** Drops what is older; metrics without data go too. */
  prune(): void;
}

const DEFAULT_RETENTION_MS = 3 * 3_600_000;

export function createMetricStore(now: () => Date): MetricStore {
  const series = new Map<string, { readonly metric: MetricName; readonly data: Datum[] }>();
  let retentionMs = DEFAULT_RETENTION_MS;

  return {
    put(metric, datum) {
      const key = keyOf(metric);
      const known = series.get(key);
      if (known) insertByTime(known.data, datum);
      else series.set(key, { metric, data: [datum] });
    },

    between(metric, fromMs, toMs) {
      const data = series.get(keyOf(metric))?.data ?? [];
      // From the end: alarms look at the newest data of long series, with every datum.
      const end = data.findLastIndex(({ atMs }) => atMs < toMs) + 1;
      const start = data.findLastIndex(({ atMs }) => atMs < fromMs) + 1;
      return data.slice(start, end);
    },

    metrics: () => [...series.values()].map(({ metric }) => metric),

    keepAtLeast(durationMs) {
      retentionMs = Math.max(retentionMs, durationMs);
    },

    prune() {
      const oldestMs = now().getTime() - retentionMs;
      for (const [key, one] of series) {
        const firstKept = one.data.findIndex(({ atMs }) => atMs >= oldestMs);
        one.data.splice(0, firstKept < 0 ? one.data.length : firstKept);
        if (one.data.length === 0) series.delete(key);
      }
    },
  };
}

/** A datum of one value. */
export function singleDatum(value: number, atMs: number): Datum {
  return weightedDatum([[value, 1]], atMs);
}

/** A datum of many values; there must be at least one. */
export function weightedDatum(
  values: readonly (readonly [value: number, count: number])[],
  atMs: number,
): Datum {
  const numbers = values.map(([value]) => value);
  return {
    atMs,
    sum: values.reduce((sum, [value, count]) => sum + value * count, 0),
    min: Math.min(...numbers),
    max: Math.max(...numbers),
    sampleCount: values.reduce((sum, [, count]) => sum + count, 0),
    values,
  };
}

/** Data arrives almost in order, so that its place is near the end. */
function insertByTime(data: Datum[], datum: Datum): void {
  data.splice(data.findLastIndex(({ atMs }) => atMs <= datum.atMs) + 1, 0, datum);
}

function keyOf({ namespace, name, dimensions }: MetricName): string {
  const sorted = Object.entries(dimensions).sort(([left], [right]) => (left < right ? -1 : 1));
  return JSON.stringify([namespace, name, sorted]);
}
