import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { KnownSecret } from "../../../shared/aws/ledger.ts";
import { NOW, SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";
import { type LocalDynamoDb, startDynamoDb } from "./dynamodb.ts";
import { keyOf, later, openLedger } from "./ledger-scene.ts";

let dynamoDb: LocalDynamoDb;
let tableName: string;
let scene: ReturnType<typeof openLedger>;
const DAY_MS = 86_400_000;

beforeAll(async () => {
  dynamoDb = await startDynamoDb();
});
afterAll(() => dynamoDb.stop());
beforeEach(async () => {
  tableName = await dynamoDb.createTable();
  scene = openLedger(dynamoDb.client, tableName);
});

const listed = async (): Promise<KnownSecret[]> => {
  const secrets: KnownSecret[] = [];
  for await (const secret of scene.ledger.listSecrets()) secrets.push(secret);
  return secrets;
};

test("lists a secret on which somebody reported, and its first rotation as that", async () => {
  await Promise.all([scene.ledger.recordSecret(SECRET_ARN), scene.ledger.recordSecret(SECRET_ARN)]);
  expect(await listed()).toEqual([{ secretArn: SECRET_ARN }]);
  expect(await scene.ledger.readCurrentSince(SECRET_ARN, V2)).toBeUndefined();

  const rotation = await scene.open();
  expect(rotation).not.toHaveProperty("supersededBy");
  await scene.ledger.recordSecret(SECRET_ARN);
  expect(await listed()).toEqual([keyOf(rotation)]);
});

const rowOf = async () => {
  const key = { pk: { S: "SECRETS" }, sk: { S: SECRET_ARN } };
  const command = new GetItemCommand({ TableName: tableName, Key: key, ConsistentRead: true });
  return (await dynamoDb.client.send(command)).Item ?? {};
};
const keptDays = async () =>
  (Number((await rowOf()).expiresAt?.N) * 1_000 - scene.clock.now.getTime()) / DAY_MS;

test("keeps a secret that was never rotated as long as its instances report, renewed once a day", async () => {
  await scene.ledger.recordSecret(SECRET_ARN);
  expect(Math.round(await keptDays())).toBe(30);
  scene.clock.now = later(DAY_MS / 2);
  await scene.ledger.recordSecret(SECRET_ARN);
  expect(await keptDays()).toBeCloseTo(29.5, 1);
  scene.clock.now = later(DAY_MS * 1.5);
  await scene.ledger.recordSecret(SECRET_ARN);
  expect(Math.round(await keptDays())).toBe(30);
});

test("keeps it for longer once it is rotated, and no report takes that back", async () => {
  await scene.ledger.recordSecret(SECRET_ARN);
  await scene.open();
  scene.clock.now = later(DAY_MS * 2);
  await scene.ledger.recordSecret(SECRET_ARN);
  expect(Math.round(await keptDays())).toBe(398);
  expect(await rowOf()).not.toHaveProperty("reportedAt");
});

test("lists a secret that is gone with the time at which that was found, until it is there again", async () => {
  const rotation = await scene.open();
  await scene.ledger.recordPresence(SECRET_ARN, later(60_000));
  expect(await listed()).toEqual([{ ...keyOf(rotation), goneSince: later(60_000).toISOString() }]);
  await scene.ledger.recordPresence(SECRET_ARN, undefined);
  expect(await listed()).toEqual([keyOf(rotation)]);
});

test("takes a secret for there that is rotated after it was gone", async () => {
  await scene.open({ versionId: V1, currentSince: later(-60_000) });
  await scene.ledger.recordPresence(SECRET_ARN, NOW);
  const rotation = await scene.open();
  expect(await listed()).toEqual([keyOf(rotation)]);
});

test("does not begin to list a secret because it is gone", async () => {
  await scene.ledger.recordPresence(SECRET_ARN, NOW);
  await scene.ledger.recordPresence(SECRET_ARN, undefined);
  expect(await listed()).toEqual([]);
});
