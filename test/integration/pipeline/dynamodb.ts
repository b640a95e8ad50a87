import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";
import { expect, vi } from "vitest";

/** A DynamoDB in memory, with tables keyed as the ledger's is. */
export interface LocalDynamoDb {
  readonly client: DynamoDBClient;
  /** @returns the name of a new, empty table */
  createTable(): Promise<string>;
  stop(): Promise<void>;
}

/** Listens on loopback alone. */
export async function startDynamoDb(): Promise<LocalDynamoDb> {
  const server: Server = dynalite({ createTableMs: 0 });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: "us-east-1",
    credentials: { accessKeyId: "EXAMPLE", secretAccessKey: "EXAMPLE" },
  });
  let tables = 0;

  return {
    client,

    async createTable() {
      const TableName = `ledger-${++tables}`;
      await client.send(
        new CreateTableCommand({
          TableName,
          BillingMode: "PAY_PER_REQUEST",
          AttributeDefinitions: [
            { AttributeName: "pk", AttributeType: "S" },
            { AttributeName: "sk", AttributeType: "S" },
          ],
          KeySchema: [
            { AttributeName: "pk", KeyType: "HASH" },
            { AttributeName: "sk", KeyType: "RANGE" },
          ],
        }),
      );
      const isActive = async () =>
        (await client.send(new DescribeTableCommand({ TableName }))).Table?.TableStatus === "ACTIVE";
      await vi.waitFor(async () => expect(await isActive()).toBe(true));
      return TableName;
    },

    async stop() {
      client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
