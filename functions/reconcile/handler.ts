import { Metrics } from "@aws-lambda-powertools/metrics";
import { parseReconcileMessage } from "../../shared/contract/reconcile-message.ts";
import { readConfig } from "../../shared/lambda/config.ts";
import { createSqsHandler } from "../../shared/lambda/sqs-handler.ts";
import { METRIC_NAMESPACE, METRIC_UNITS, SERVICE_NAME } from "../../shared/lambda/telemetry.ts";
import { createReconcile } from "./reconcile.ts";
import { createReconcilePorts, ReconcileConfig } from "./reconcile-ports.ts";
import { createResolveSign } from "./resolve-sign.ts";

const config = readConfig(ReconcileConfig, process.env);
const metrics = new Metrics({
  namespace: METRIC_NAMESPACE,
  serviceName: SERVICE_NAME,
  defaultDimensions: { stage: config.STAGE },
});
const ports = createReconcilePorts(config, ({ name, value }) =>
  metrics.addMetric(name, METRIC_UNITS[name], value),
);
const reconcile = createReconcile(ports);
const resolveSign = createResolveSign(ports);

export const handler = createSqsHandler({
  parse: parseReconcileMessage,
  handle: async (message, messageId): Promise<string | { outcome: string }> =>
    message.sign ? resolveSign(message.sign) : reconcile(messageId, message.continued),
  metrics,
});
