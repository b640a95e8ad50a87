import * as z from "zod/mini";
import { type Datum, type MetricName, weightedDatum } from "./metric-store.ts";

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
const EmbeddedMetrics = z.looseObject({
  _aws: z.object({
    Timestamp: z.number(),
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string().check(z.minLength(1)),
        Dimensions: z.array(z.array(z.string())),
        Metrics: z.array(z.object({ Name: z.string().check(z.minLength(1)) })),
      }),
    ),
  }),
});

export interface EmbeddedDatum {
  readonly metric: MetricName;
  readonly datum: Datum;
}

/**
 * Reads a log line in the embedded metric format. Each set of dimensions makes a metric of its own; a metric or a
 * dimension whose value the line lacks is left out, as CloudWatch does.
 *
 * @returns undefined where the line is something else
 */
export function parseEmbeddedMetrics(line: string): readonly EmbeddedDatum[] | undefined {
  if (!line.includes('"_aws"')) return undefined;
  const result = EmbeddedMetrics.safeParse(parseJson(line));
  if (!result.success) return undefined;
  const { _aws: metadata, ...fields } = result.data;
  return metadata.CloudWatchMetrics.flatMap(({ Namespace: namespace, Dimensions: sets, Metrics: metrics }) =>
    (sets.length === 0 ? [[]] : sets).flatMap((names) => {
      const dimensions = readDimensions(names, fields);
      if (!dimensions) return [];
      return metrics.flatMap(({ Name: name }) => {
        const values = readValues(fields[name]);
        if (values.length === 0) return [];
        const datum = weightedDatum(values, metadata.Timestamp);
        return [{ metric: { namespace, name, dimensions }, datum }];
      });
    }),
  );
}

function readDimensions(
  names: readonly string[],
  fields: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string>> | undefined {
  const entries = names.map((name) => [name, fields[name]] as const);
  const isComplete = entries.every(
    (entry): entry is readonly [string, string] => typeof entry[1] === "string",
  );
  return isComplete ? Object.fromEntries(entries) : undefined;
}

function readValues(value: unknown): readonly (readonly [number, number])[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values
    .filter((one) => typeof one === "number" && Number.isFinite(one))
    .map((one) => [Number(one), 1] as const);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
