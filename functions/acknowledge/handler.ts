import * as z from "zod/mini";
import { createDynamoDbClient, createEventBridgeClient } from "../../shared/aws/clients.ts";
import { createLedger } from "../../shared/aws/dynamodb-ledger.ts";
import { createEventBus } from "../../shared/aws/event-bus.ts";
import { parseReceivedReport } from "../../shared/contract/received-report.ts";
import { readConfig, requiredText } from "../../shared/lambda/config.ts";
import { createSqsHandler } from "../../shared/lambda/sqs-handler.ts";
import { createAcknowledge } from "./acknowledge.ts";
import { redateReport } from "./redate-report.ts";

const config = readConfig(z.object({ LEDGER_TABLE: requiredText, EVENT_SOURCE: requiredText }), process.env);

const acknowledge = createAcknowledge({
  ledger: createLedger(createDynamoDbClient(), config.LEDGER_TABLE),
  bus: createEventBus(createEventBridgeClient(), config.EVENT_SOURCE),
});

export const handler = createSqsHandler({
  parse: parseReceivedReport,
  handle: (report, _messageId, _receiveCount, sentAt) => acknowledge(redateReport(report, sentAt)),
});
