import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createLedgerTable } from "../../../shared/aws/ledger/ledger-table.ts";
import { createRedeployTurns, type RedeployTurns } from "../../../shared/aws/redeploy-turns.ts";
import { NOW } from "../../fakes/pipeline.ts";
import { type LocalDynamoDb, startDynamoDb } from "./dynamodb.ts";

const SERVICE = "arn:aws:ecs:us-east-1:000000000000:service/main/orders-api";
const INTERVAL_MS = 300_000;
const after = (ms: number) => new Date(NOW.getTime() + ms);

let dynamoDb: LocalDynamoDb;
let turns: RedeployTurns;
beforeAll(async () => {
  dynamoDb = await startDynamoDb();
});
afterAll(() => dynamoDb.stop());
beforeEach(async () => {
  turns = createRedeployTurns(createLedgerTable(dynamoDb.client, await dynamoDb.createTable(), () => NOW));
});
const take = (ms: number, serviceArn = SERVICE) => turns.take(serviceArn, after(ms), INTERVAL_MS);

test("of those who ask at the same time, one has the turn", async () => {
  const taken = await Promise.all(Array.from({ length: 8 }, () => take(0)));
  expect(taken.filter(Boolean)).toHaveLength(1);
});

test("a turn lasts as long as the interval, and is the service's own", async () => {
  expect(await take(0)).toBe(true);
  expect(await take(INTERVAL_MS - 1)).toBe(false);
  expect(await take(1, `${SERVICE}-2`)).toBe(true);
  expect(await take(INTERVAL_MS)).toBe(true);
});

test("a turn that came to nothing is given back, and one that somebody has taken since is not", async () => {
  await take(0);
  await turns.giveBack(SERVICE, after(0));
  expect(await take(1)).toBe(true);
  await turns.giveBack(SERVICE, after(0));
  expect(await take(2)).toBe(false);
});
