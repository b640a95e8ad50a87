import * as z from "zod/mini";

/** What of a stack costs something whether or not anything is rotated. */
export interface DeployedParts {
  /** Queues that Lambda polls. */
  readonly polledQueues: number;
  /** Metrics that alarms look at. */
  readonly alarmMetrics: number;
  readonly dashboards: number;
}

const Template = z.object({
  Resources: z.record(
    z.string(),
    z.object({ Type: z.string(), Properties: z.optional(z.record(z.string(), z.unknown())) }),
  ),
});

/** Counts them in the template that `sls package` writes. */
export function countParts(template: unknown): DeployedParts {
  const resources = Object.values(z.parse(Template, template).Resources);
  const ofType = (type: string) => resources.filter(({ Type }) => Type === type);
  return {
    polledQueues: ofType("AWS::Lambda::EventSourceMapping").length,
    alarmMetrics: ofType("AWS::CloudWatch::Alarm").reduce(
      (sum, { Properties }) => sum + metricsOf(Properties?.Metrics),
      0,
    ),
    dashboards: ofType("AWS::CloudWatch::Dashboard").length,
  };
}

/** An alarm on an expression is billed for each metric in it. */
function metricsOf(queries: unknown): number {
  if (!Array.isArray(queries)) return 1;
  return Math.max(1, queries.filter((query) => query?.MetricStat !== undefined).length);
}
