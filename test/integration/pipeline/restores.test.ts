import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createRestores, type Restores } from "../../../shared/aws/ledger/restore-rows.ts";
import { NOW, ROTATED_AT, SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";
import { type LocalDynamoDb, startDynamoDb } from "./dynamodb.ts";
import { LEASE_MS, later } from "./ledger-scene.ts";

let dynamoDb: LocalDynamoDb;
let restores: Restores;
beforeAll(async () => {
  dynamoDb = await startDynamoDb();
});
afterAll(() => dynamoDb.stop());
beforeEach(async () => {
  restores = createRestores(dynamoDb.client, await dynamoDb.createTable(), () => NOW);
});

const rotation = { secretArn: SECRET_ARN, versionId: V2, currentSince: ROTATED_AT };
const claim = (claimant: string, now = NOW) => restores.claim(rotation, V1, claimant, now, LEASE_MS);
const read = () => restores.read(SECRET_ARN, V2);

test("one of many who claim a move at once gets it, and may ask again", async () => {
  const won = await Promise.all(["a", "b", "c", "d"].map((claimant) => claim(claimant)));
  expect(won.filter(Boolean)).toHaveLength(1);
  const claimedBy = ["a", "b", "c", "d"][won.indexOf(true)];
  expect(await read()).toEqual({
    restoreTo: V1,
    currentSince: ROTATED_AT,
    claimedBy,
    claimedAt: NOW.toISOString(),
  });
  expect(await claim(claimedBy ?? "")).toBe(true);
});

test("another takes over after the lease, and not before", async () => {
  await claim("a");
  expect(await claim("b", later(LEASE_MS))).toBe(false);
  expect(await claim("b", later(LEASE_MS + 1))).toBe(true);
  expect(await claim("a", later(LEASE_MS + 2))).toBe(false);
});

test("a move that was made is nobody's any more, and the first time of it stands", async () => {
  await claim("a");
  await restores.finish(SECRET_ARN, V2, NOW);
  await restores.finish(SECRET_ARN, V2, later(5));
  expect(await read()).toMatchObject({ restoredAt: NOW.toISOString() });
  expect(await claim("a", later(10 * LEASE_MS))).toBe(false);
  await restores.release(SECRET_ARN, V2, "a");
  expect(await read()).toMatchObject({ restoredAt: NOW.toISOString() });
});

test("a claim that is given back is in nobody's way; only its owner gives it back", async () => {
  await claim("a");
  await restores.release(SECRET_ARN, V2, "b");
  expect(await read()).toMatchObject({ claimedBy: "a" });
  await restores.release(SECRET_ARN, V2, "a");
  expect(await read()).toBeUndefined();
  expect(await claim("b")).toBe(true);
});

test("knows nothing of a version that nobody moved the label from", async () => {
  expect(await read()).toBeUndefined();
  await restores.release(SECRET_ARN, V2, "a");
  expect(await read()).toBeUndefined();
});
