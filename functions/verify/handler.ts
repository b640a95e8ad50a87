import * as z from "zod/mini";
import {
  createDynamoDbClient,
  createEventBridgeClient,
  createSecretsManagerClient,
} from "../../shared/aws/clients.ts";
import { createLedger } from "../../shared/aws/dynamodb-ledger.ts";
import { createEventBus } from "../../shared/aws/event-bus.ts";
import { createSecrets } from "../../shared/aws/secrets.ts";
import { parseRotationEvent } from "../../shared/contract/rotation-event.ts";
import { createLoginProbe } from "../../shared/engines/login-probe.ts";
import { positiveWhole, readConfig, requiredText } from "../../shared/lambda/config.ts";
import { createSqsHandler } from "../../shared/lambda/sqs-handler.ts";
import { createVerify } from "./verify.ts";

const config = readConfig(
  z.object({
    LEDGER_TABLE: requiredText,
    EVENT_SOURCE: requiredText,
    LOGIN_TIMEOUT_MS: positiveWhole,
    STORE_TLS: z.enum(["disable", "require", "verify-full"], "must be disable, require or verify-full"),
  }),
  process.env,
);

export const handler = createSqsHandler({
  parse: parseRotationEvent,
  handle: createVerify({
    secrets: createSecrets(createSecretsManagerClient()),
    ledger: createLedger(createDynamoDbClient(), config.LEDGER_TABLE),
    probe: createLoginProbe({ timeoutMs: config.LOGIN_TIMEOUT_MS, tls: config.STORE_TLS }),
    bus: createEventBus(createEventBridgeClient(), config.EVENT_SOURCE),
    now: () => new Date(),
  }),
});
