import { Metrics } from "@aws-lambda-powertools/metrics";
import * as z from "zod/mini";
import { createDynamoDbClient } from "../../shared/aws/clients.ts";
import { createLedger } from "../../shared/aws/dynamodb-ledger.ts";
import { parseDomainEvent } from "../../shared/contract/domain-event.ts";
import { readConfig, requiredText } from "../../shared/lambda/config.ts";
import { createSqsHandler } from "../../shared/lambda/sqs-handler.ts";
import { METRIC_NAMESPACE, METRIC_UNITS, SERVICE_NAME } from "../../shared/lambda/telemetry.ts";
import { createMeasure } from "./measure.ts";

const config = readConfig(z.object({ LEDGER_TABLE: requiredText, STAGE: requiredText }), process.env);
const metrics = new Metrics({
  namespace: METRIC_NAMESPACE,
  serviceName: SERVICE_NAME,
  defaultDimensions: { stage: config.STAGE },
});
const measure = createMeasure({
  ledger: createLedger(createDynamoDbClient(), config.LEDGER_TABLE),
  emit: ({ name, value }) => metrics.addMetric(name, METRIC_UNITS[name], value),
  now: () => new Date(),
});

export const handler = createSqsHandler({
  parse: (body) => {
    const event = parseDomainEvent(body);
    return { secretArn: event.detail.secretArn, versionId: event.detail.versionId, event };
  },
  handle: ({ event }, messageId) => measure(event, messageId),
  metrics,
});
