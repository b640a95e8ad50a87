import {
  createDynamoDbClient,
  createEcsClients,
  createEventBridgeClient,
  createSecretsManagerClient,
} from "../../shared/aws/clients.ts";
import { createLedger } from "../../shared/aws/dynamodb-ledger.ts";
import { createEcsServices } from "../../shared/aws/ecs-services.ts";
import { createEventBus } from "../../shared/aws/event-bus.ts";
import { createLedgerTable } from "../../shared/aws/ledger/ledger-table.ts";
import { createRedeploySlots } from "../../shared/aws/redeploy-slots.ts";
import { createRedeployTurns } from "../../shared/aws/redeploy-turns.ts";
import { createSecrets } from "../../shared/aws/secrets.ts";
import { createSqsHandler } from "../../shared/lambda/sqs-handler.ts";
import { createFollowDeployment } from "./follow-deployment.ts";
import { createRedeploy } from "./redeploy.ts";
import { readRedeployConfig } from "./redeploy-config.ts";
import { parseRedeployMessage } from "./redeploy-message.ts";

const { watch, search, ledgerTable, eventSource, maxConcurrentRedeploys, ...settings } = readRedeployConfig(
  process.env,
);
const now = () => new Date();
const dynamoDb = createDynamoDbClient();
const table = createLedgerTable(dynamoDb, ledgerTable, now);
const ports = {
  secrets: createSecrets(createSecretsManagerClient(), watch),
  ledger: createLedger(dynamoDb, ledgerTable),
  turns: createRedeployTurns(table),
  slots: createRedeploySlots(table, maxConcurrentRedeploys),
  ecs: createEcsServices(createEcsClients(), search),
  bus: createEventBus(createEventBridgeClient(), eventSource),
  now,
  ...settings,
};
const [redeploy, followDeployment] = [createRedeploy(ports), createFollowDeployment(ports)];

export const handler = createSqsHandler({
  parse: parseRedeployMessage,
  handle: (message, messageId) =>
    "change" in message ? followDeployment(message.change) : redeploy(message.event, messageId, message),
});
