import * as z from "zod/mini";
import {
  createDynamoDbClient,
  createEcsClient,
  createEventBridgeClient,
  createSecretsManagerClient,
} from "../../shared/aws/clients.ts";
import { createEcsServices } from "../../shared/aws/ecs-services.ts";
import { createEventBus } from "../../shared/aws/event-bus.ts";
import { createLedger } from "../../shared/aws/ledger.ts";
import { createSecrets } from "../../shared/aws/secrets.ts";
import { parseRotationEvent } from "../../shared/contract/rotation-event.ts";
import { commaList, readConfig, requiredText } from "../../shared/lambda/config.ts";
import { createSqsHandler } from "../../shared/lambda/sqs-handler.ts";
import { createRedeploy } from "./redeploy.ts";

const config = readConfig(
  z.object({ LEDGER_TABLE: requiredText, EVENT_SOURCE: requiredText, ECS_CLUSTERS: commaList }),
  process.env,
);

/** As long as the function may run: whoever claimed and has not finished by then, never will. */
const CLAIM_LEASE_MS = 30_000;

export const handler = createSqsHandler({
  parse: parseRotationEvent,
  handle: createRedeploy({
    secrets: createSecrets(createSecretsManagerClient()),
    ledger: createLedger(createDynamoDbClient(), config.LEDGER_TABLE),
    ecs: createEcsServices(createEcsClient(), config.ECS_CLUSTERS),
    bus: createEventBus(createEventBridgeClient(), config.EVENT_SOURCE),
    now: () => new Date(),
    claimLeaseMs: CLAIM_LEASE_MS,
  }),
});
