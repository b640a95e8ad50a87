import { Metrics } from "@aws-lambda-powertools/metrics";
import { nameWithoutSuffix } from "../contract/secret-id.ts";
import {
  METRIC_NAMESPACE,
  METRIC_UNITS,
  type MetricName,
  type MetricProperties,
  SERVICE_NAME,
} from "./telemetry.ts";

export interface Measurement {
  readonly name: MetricName;
  readonly value: number;
}

/** Sends what was measured about one secret. */
export type PublishMeasurements = (
  secretArn: string,
  measurements: readonly Measurement[],
  properties: MetricProperties,
) => void;

/**
 * Each metric goes out twice in one line: for the stage, which alarms look at, and for the secret by its name. What has too many
 * values for a dimension, such as a task's ARN, stands in the line alone, where Logs Insights finds it.
 *
 * @example createSecretMetrics("prod")(secretArn, [{ name: "AdoptionLatency", value: 80 }], { versionId, instanceId });
 */
export function createSecretMetrics(stage: string): PublishMeasurements {
  const metrics = new Metrics({
    namespace: METRIC_NAMESPACE,
    serviceName: SERVICE_NAME,
    defaultDimensions: { stage },
  });
  // Records run in parallel on one buffer: it is filled and emptied in one go, without an await between.
  return (secretArn, measurements, properties) => {
    metrics.addDimensions({}).addDimensions({ secret: nameWithoutSuffix(secretArn) });
    for (const [name, value] of Object.entries(properties))
      if (value !== undefined) metrics.addMetadata(name, value);
    for (const { name, value } of measurements) metrics.addMetric(name, METRIC_UNITS[name], value);
    metrics.publishStoredMetrics();
  };
}
