import { type DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createLedger } from "../../../shared/aws/dynamodb-ledger.ts";
import { NOW } from "../../fakes/pipeline.ts";
import { type LocalDynamoDb, startDynamoDb } from "./dynamodb.ts";
import { LEASE_MS, later, openLedger } from "./ledger-scene.ts";

let dynamoDb: LocalDynamoDb;
let tableName: string;
let scene: ReturnType<typeof openLedger>;

beforeAll(async () => {
  dynamoDb = await startDynamoDb();
});
afterAll(() => dynamoDb.stop());
beforeEach(async () => {
  tableName = await dynamoDb.createTable();
  scene = openLedger(dynamoDb.client, tableName);
});

/** Each write has its effect; its answer is lost, and the SDK sends it again. */
function withLostAnswers(client: DynamoDBClient): DynamoDBClient {
  const send = async (command: Parameters<DynamoDBClient["send"]>[0]) => {
    if (command instanceof UpdateItemCommand) await client.send(command).catch(() => {});
    return client.send(command);
  };
  return new Proxy(client, {
    get: (target, name) => (name === "send" ? send : Reflect.get(target, name, target)),
  });
}

test("lets one of many claim a decision", async () => {
  const rotation = await scene.open();
  const claims = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      scene.ledger.claimDecision(rotation, "legacy-api", "redeploy", `m${index}`, NOW, LEASE_MS),
    ),
  );
  expect(claims.filter(Boolean)).toHaveLength(1);
});

test("lets a claimant find its own claim, as after an answer that was lost", async () => {
  const rotation = await scene.open();
  const claim = (decision: string, claimant: string) =>
    scene.ledger.claimDecision(rotation, "legacy-api", decision, claimant, NOW, LEASE_MS);
  expect(await claim("redeploy", "m1")).toBe(true);
  expect(await claim("redeploy", "m1")).toBe(true);
  expect(await claim("redeploy", "m2")).toBe(false);
});

test("gives a claim that was never finished to the next one after the lease, and a finished one to nobody", async () => {
  const rotation = await scene.open();
  const claim = (claimant: string, afterMs: number) =>
    scene.ledger.claimDecision(rotation, "legacy-api", "redeploy", claimant, later(afterMs), LEASE_MS);
  await claim("m1", 0);
  expect(await claim("m2", 29_000)).toBe(false);
  expect(await claim("m2", 31_000)).toBe(true);
  await scene.ledger.finishDecision(rotation, "legacy-api", "redeploy", later(32_000));
  expect([await claim("m2", 33_000), await claim("m3", 90_000)]).toEqual([false, false]);
});

test("does not let a copy of a message withhold what the other is about to redeploy", async () => {
  const rotation = await scene.open();
  const claim = (intent: string) =>
    scene.ledger.claimDecision(rotation, "legacy-api", intent, "m1", NOW, LEASE_MS);
  expect(await claim("credential-unreachable")).toBe(true);
  expect(await claim("redeploy")).toBe(true);
  expect(await claim("credential-unreachable")).toBe(false);
  // What the first claim was for is over as well.
  await scene.ledger.finishDecision(rotation, "legacy-api", "credential-unreachable", later(10));
  const [decision] = await scene.ledger.listDecisions(rotation);
  expect(decision).toMatchObject({ intent: "redeploy", claimedBy: "m1" });
  expect(decision).not.toHaveProperty("decision");
});

test.each([
  "credential-rejected",
  "credential-unverifiable",
  "credential-unreachable",
  "other-credential-rejected",
  "waited-too-long",
  "dry-run",
])("lets one of many redeploy what was left alone for %s, and keeps what it was", async (earlierDecision) => {
  const rotation = await scene.open();
  const claim = (intent: string, claimant: string) =>
    scene.ledger.claimDecision(rotation, "legacy-api", intent, claimant, later(60_000), LEASE_MS);
  await claim(earlierDecision, "m1");
  await scene.ledger.finishDecision(rotation, "legacy-api", earlierDecision, later(1_000));
  expect(await claim(earlierDecision, "m2")).toBe(false);
  const claims = await Promise.all(
    Array.from({ length: 8 }, (_, index) => claim("redeploy", `late-${index}`)),
  );
  expect(claims.filter(Boolean)).toHaveLength(1);
  const earlier = { earlierDecision, earlierDecidedAt: later(1_000).toISOString() };
  const [claimed] = await scene.ledger.listDecisions(rotation);
  expect(claimed).toMatchObject({ intent: "redeploy", ...earlier });
  expect(claimed).not.toHaveProperty("decision");
  await scene.ledger.finishDecision(rotation, "legacy-api", "redeploy", later(61_000));
  expect(await claim("redeploy", "late-9")).toBe(false);
  expect(await scene.ledger.listDecisions(rotation)).toMatchObject([{ decision: "redeploy", ...earlier }]);
});

test("lets a dry run take the place of what was withheld, and what is withheld later that of a dry run", async () => {
  const rotation = await scene.open();
  const decide = async (intent: string) => {
    const isClaimed = await scene.ledger.claimDecision(rotation, "s", intent, "m1", later(60_000), LEASE_MS);
    if (isClaimed) await scene.ledger.finishDecision(rotation, "s", intent, later(60_000));
    return isClaimed;
  };
  expect(await decide("credential-rejected")).toBe(true);
  expect(await decide("dry-run")).toBe(true);
  expect(await decide("dry-run")).toBe(false);
  expect(await decide("credential-rejected")).toBe(false);
  expect(await scene.ledger.listDecisions(rotation)).toMatchObject([
    { decision: "dry-run", earlierDecision: "credential-rejected" },
  ]);
  expect(await decide("other-credential-rejected")).toBe(true);
  expect(await scene.ledger.listDecisions(rotation)).toMatchObject([
    { decision: "other-credential-rejected", earlierDecision: "dry-run" },
  ]);
  expect(await decide("redeploy")).toBe(true);
  expect(await decide("dry-run")).toBe(false);
});

test("a claim that takes a decision's place stands a request that the SDK repeats", async () => {
  const rotation = await scene.open();
  await scene.ledger.claimDecision(rotation, "s", "credential-rejected", "m1", NOW, LEASE_MS);
  await scene.ledger.finishDecision(rotation, "s", "credential-rejected", later(1_000));
  const repeating = createLedger(withLostAnswers(dynamoDb.client), tableName);
  const claim = (claimant: string) =>
    repeating.claimDecision(rotation, "s", "redeploy", claimant, later(60_000), LEASE_MS);
  expect(await claim("m2")).toBe(true);
  expect(await claim("m3")).toBe(false);
  const earlier = { earlierDecision: "credential-rejected", earlierDecidedAt: later(1_000).toISOString() };
  expect(await scene.ledger.listDecisions(rotation)).toMatchObject([{ claimedBy: "m2", ...earlier }]);
});

test("leaves a claim to redeploy that has lapsed to who redeploys, or has seen what came of it", async () => {
  const rotation = await scene.open();
  const claim = (intent: string, seenAt?: Date) =>
    scene.ledger.claimDecision(rotation, "s", intent, "m2", later(60_000), LEASE_MS, seenAt?.toISOString());
  await scene.ledger.claimDecision(rotation, "s", "redeploy", "m1", NOW, LEASE_MS);
  expect(await claim("deployment-in-progress")).toBe(false);
  expect(await claim("deployment-in-progress", later(1))).toBe(false);
  expect(await claim("deployment-in-progress", NOW)).toBe(true);
  // Of a claim to withhold there is nothing to be seen.
  expect(
    await scene.ledger.claimDecision(rotation, "s", "secret-pinned", "m3", later(120_000), LEASE_MS),
  ).toBe(true);
});

test("a claim to redeploy that has lapsed is another's who redeploys", async () => {
  const rotation = await scene.open();
  await scene.ledger.claimDecision(rotation, "s", "redeploy", "m1", NOW, LEASE_MS);
  const claim = scene.ledger.claimDecision(rotation, "s", "redeploy", "m2", later(60_000), LEASE_MS);
  expect(await claim).toBe(true);
});

test.each(["redeploy", "deployment-failed", "secret-pinned", "no-longer-behind"])(
  "a decision for %s stands",
  async (decision) => {
    const rotation = await scene.open();
    await scene.ledger.claimDecision(rotation, "legacy-api", decision, "m1", NOW, LEASE_MS);
    await scene.ledger.finishDecision(rotation, "legacy-api", decision, later(1_000));
    expect(
      await scene.ledger.claimDecision(rotation, "legacy-api", "redeploy", "m1", later(90_000), LEASE_MS),
    ).toBe(false);
  },
);
