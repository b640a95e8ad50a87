import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { NOW, SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";
import { type LocalDynamoDb, startDynamoDb } from "./dynamodb.ts";
import { later, openLedger } from "./ledger-scene.ts";

const WITHOUT_SUFFIX = SECRET_ARN.slice(0, -"-AbCdEf".length);

let dynamoDb: LocalDynamoDb;
let scene: ReturnType<typeof openLedger>;

beforeAll(async () => {
  dynamoDb = await startDynamoDb();
});
afterAll(() => dynamoDb.stop());
beforeEach(async () => {
  scene = openLedger(dynamoDb.client, await dynamoDb.createTable());
});

const newestOf = async (secretId: string) =>
  (await scene.ledger.findNewest(secretId)).map(({ secretArn, versionId, verdict }) => ({
    secretArn,
    versionId,
    verdict,
  }));

test("finds the newest rotation and its verdict, by the ARN with and without what Secrets Manager adds", async () => {
  await scene.open({ versionId: V1, currentSince: later(-60_000) });
  const rotation = await scene.open();
  await scene.ledger.recordVerdict(rotation, "rejected", NOW, "refused");
  const newest = [{ secretArn: SECRET_ARN, versionId: V2, verdict: "rejected" }];
  expect(await newestOf(SECRET_ARN)).toEqual(newest);
  expect(await newestOf(WITHOUT_SUFFIX)).toEqual(newest);
});

test("tells secrets apart whose names begin alike, and knows two of one name", async () => {
  const again = `${WITHOUT_SUFFIX}-ZyXwVu`;
  for (const secretArn of [
    SECRET_ARN,
    again,
    `${WITHOUT_SUFFIX}-replica-AbCdEf`,
    `${WITHOUT_SUFFIX}2-AbCdEf`,
  ])
    await scene.open({ secretArn });
  const found = await newestOf(WITHOUT_SUFFIX);
  expect(found.map(({ secretArn }) => secretArn)).toEqual([SECRET_ARN, again]);
});

test("finds a parameter, and a secret that is kept elsewhere, by their ids", async () => {
  const ids = ["arn:aws:ssm:us-east-1:000000000000:parameter/orders/db", "vault:kv/app/prod/db"];
  for (const secretArn of ids) {
    await scene.open({ secretArn, versionId: "7" });
    expect(await newestOf(secretArn)).toEqual([{ secretArn, versionId: "7", verdict: undefined }]);
  }
});

test("finds nothing for a secret that never rotated while Keyturn watched", async () => {
  expect(await newestOf(SECRET_ARN)).toEqual([]);
  await scene.ledger.recordSecret(SECRET_ARN);
  expect(await newestOf(SECRET_ARN)).toEqual([]);
});
