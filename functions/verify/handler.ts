import { setTimeout } from "node:timers/promises";
import {
  createDynamoDbClient,
  createEventBridgeClient,
  createSecretsManagerClient,
} from "../../shared/aws/clients.ts";
import { createCurrentLabel } from "../../shared/aws/current-label.ts";
import { createDatabases } from "../../shared/aws/databases.ts";
import { createLedger } from "../../shared/aws/dynamodb-ledger.ts";
import { createEventBus } from "../../shared/aws/event-bus.ts";
import { createRestores } from "../../shared/aws/ledger/restore-rows.ts";
import { createSecrets } from "../../shared/aws/secrets.ts";
import { parseRotationEvent } from "../../shared/contract/rotation-event.ts";
import { createLoginProbe } from "../../shared/engines/login-probe.ts";
import { createSqsHandler } from "../../shared/lambda/sqs-handler.ts";
import { createRestorePrevious } from "./restore-previous.ts";
import { createVerify } from "./verify.ts";
import { readVerifyConfig } from "./verify-config.ts";

const config = readVerifyConfig(process.env);
const [secretsManager, dynamoDb] = [createSecretsManagerClient(), createDynamoDbClient()];
const ports = {
  ...config,
  secrets: createSecrets(secretsManager, config.watch),
  ledger: createLedger(dynamoDb, config.ledgerTable),
  databases: createDatabases(),
  probe: createLoginProbe(config.probe),
  bus: createEventBus(createEventBridgeClient(), config.eventSource),
  label: createCurrentLabel(secretsManager),
  restores: createRestores(dynamoDb, config.ledgerTable),
  now: () => new Date(),
  pause: (ms: number) => setTimeout(ms),
};
const restorePrevious = config.mayRestore ? createRestorePrevious(ports) : undefined;
const verify = createVerify({ ...ports, restorePrevious });

export const handler = createSqsHandler({
  parse: parseRotationEvent,
  handle: (event, messageId, receiveCount) => verify(event, { messageId, receiveCount }),
});
