import * as z from "zod/mini";
import {
  createDynamoDbClient,
  createEcsClient,
  createEventBridgeClient,
  createSecretsManagerClient,
} from "../../shared/aws/clients.ts";
import { createLedger } from "../../shared/aws/dynamodb-ledger.ts";
import { createEcsServices } from "../../shared/aws/ecs-services.ts";
import { createEventBus } from "../../shared/aws/event-bus.ts";
import { createSecrets } from "../../shared/aws/secrets.ts";
import { parseRotationEvent } from "../../shared/contract/rotation-event.ts";
import {
  commaList,
  positiveWhole,
  readConfig,
  requiredText,
  wholeNumber,
} from "../../shared/lambda/config.ts";
import { createSqsHandler } from "../../shared/lambda/sqs-handler.ts";
import { createRedeploy } from "./redeploy.ts";

const config = readConfig(
  z.object({
    LEDGER_TABLE: requiredText,
    EVENT_SOURCE: requiredText,
    ECS_CLUSTERS: commaList,
    TIMEOUT_SECONDS: positiveWhole,
    ADOPTION_DEADLINE_SECONDS: wholeNumber,
  }),
  process.env,
);

export const handler = createSqsHandler({
  parse: parseRotationEvent,
  handle: createRedeploy({
    secrets: createSecrets(createSecretsManagerClient()),
    ledger: createLedger(createDynamoDbClient(), config.LEDGER_TABLE),
    ecs: createEcsServices(createEcsClient(), config.ECS_CLUSTERS),
    bus: createEventBus(createEventBridgeClient(), config.EVENT_SOURCE),
    now: () => new Date(),
    deadlineMs: config.ADOPTION_DEADLINE_SECONDS * 1_000,
    // Whoever claimed and has not finished when its function's time is up, never will.
    claimLeaseMs: config.TIMEOUT_SECONDS * 1_000,
  }),
});
