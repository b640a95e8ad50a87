import * as z from "zod/mini";
import {
  createDynamoDbClient,
  createEventBridgeClient,
  createIotDataClient,
  createSecretsManagerClient,
} from "../../shared/aws/clients.ts";
import { createLedger } from "../../shared/aws/dynamodb-ledger.ts";
import { createEventBus } from "../../shared/aws/event-bus.ts";
import { createNotices } from "../../shared/aws/notices.ts";
import { createSecrets } from "../../shared/aws/secrets.ts";
import { parseRotationEvent } from "../../shared/contract/rotation-event.ts";
import { readConfig, requiredText } from "../../shared/lambda/config.ts";
import { createSqsHandler } from "../../shared/lambda/sqs-handler.ts";
import { watchOf, watchVariables } from "../../shared/lambda/watch-config.ts";
import { createNotify } from "./notify.ts";
import { traceparentOf } from "./traceparent.ts";

const config = readConfig(
  z.object({
    LEDGER_TABLE: requiredText,
    EVENT_SOURCE: requiredText,
    TOPIC_PREFIX: requiredText,
    ...watchVariables,
  }),
  process.env,
);

export const handler = createSqsHandler({
  parse: parseRotationEvent,
  handle: createNotify({
    secrets: createSecrets(createSecretsManagerClient(), watchOf(config)),
    ledger: createLedger(createDynamoDbClient(), config.LEDGER_TABLE),
    notices: createNotices(createIotDataClient(), config.TOPIC_PREFIX),
    bus: createEventBus(createEventBridgeClient(), config.EVENT_SOURCE),
    now: () => new Date(),
    // Lambda sets it anew for each invocation.
    traceparent: () => traceparentOf(process.env._X_AMZN_TRACE_ID),
  }),
});
