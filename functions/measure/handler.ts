import * as z from "zod/mini";
import { createDynamoDbClient } from "../../shared/aws/clients.ts";
import { createLedger } from "../../shared/aws/dynamodb-ledger.ts";
import { readConfig, requiredText } from "../../shared/lambda/config.ts";
import { createSecretMetrics } from "../../shared/lambda/secret-metrics.ts";
import { createSqsHandler } from "../../shared/lambda/sqs-handler.ts";
import { watchOf, watchVariables } from "../../shared/lambda/watch-config.ts";
import { createMeasure, createMeasureAttempt, type MeasurePorts } from "./measure.ts";
import { parseMeasured } from "./parse-measured.ts";
import { createWatchedSecrets } from "./watched-secrets.ts";

const config = readConfig(
  z.object({ LEDGER_TABLE: requiredText, STAGE: requiredText, ...watchVariables }),
  process.env,
);
const ports: MeasurePorts = {
  ledger: createLedger(createDynamoDbClient(), config.LEDGER_TABLE),
  publish: createSecretMetrics(config.STAGE),
  now: () => new Date(),
};
const measure = createMeasure(ports);

const watch = watchOf(config);
// Names are in the rule's pattern; tags are not in the event.
const isWatched = watch.tags.length > 0 ? createWatchedSecrets(watch) : async () => true;
const measureAttempt = createMeasureAttempt({ ...ports, isWatched });

export const handler = createSqsHandler({
  parse: parseMeasured,
  handle: (measured, messageId) =>
    measured.attempt ? measureAttempt(measured.attempt, messageId) : measure(measured.event, messageId),
});
