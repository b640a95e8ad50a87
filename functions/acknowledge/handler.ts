import * as z from "zod/mini";
import { createDynamoDbClient, createEventBridgeClient } from "../../shared/aws/clients.ts";
import { createLedger } from "../../shared/aws/dynamodb-ledger.ts";
import { createEventBus } from "../../shared/aws/event-bus.ts";
import { parseReport } from "../../shared/contract/report.ts";
import { readConfig, requiredText } from "../../shared/lambda/config.ts";
import { createSqsHandler } from "../../shared/lambda/sqs-handler.ts";
import { createAcknowledge } from "./acknowledge.ts";

const config = readConfig(z.object({ LEDGER_TABLE: requiredText, EVENT_SOURCE: requiredText }), process.env);

export const handler = createSqsHandler({
  parse: parseReport,
  handle: createAcknowledge({
    ledger: createLedger(createDynamoDbClient(), config.LEDGER_TABLE),
    bus: createEventBus(createEventBridgeClient(), config.EVENT_SOURCE),
  }),
});
