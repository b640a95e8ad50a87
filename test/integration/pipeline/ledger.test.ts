import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { NOW, SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";
import { type LocalDynamoDb, startDynamoDb } from "./dynamodb.ts";
import { LEASE_MS, later, openLedger, reportOf } from "./ledger-scene.ts";

let dynamoDb: LocalDynamoDb;
let scene: ReturnType<typeof openLedger>;

beforeAll(async () => {
  dynamoDb = await startDynamoDb();
});
afterAll(() => dynamoDb.stop());
beforeEach(async () => {
  scene = openLedger(dynamoDb.client, await dynamoDb.createTable());
});

test("knows nothing of a version that nobody told it of", async () => {
  expect(await scene.ledger.readCurrentSince(SECRET_ARN, V2)).toBeUndefined();
});

test("gives everybody the same record of a rotation, whichever source tells first", async () => {
  const first = await scene.open();
  expect(first).toEqual({
    secretArn: SECRET_ARN,
    versionId: V2,
    currentSince: NOW.toISOString(),
    detectedBy: "label-updated",
  });
  expect(await scene.open({ currentSince: later(640) })).toEqual(first);
  expect(await scene.open({ detectedBy: "rotation-succeeded", currentSince: later(120_000) })).toEqual(first);
  expect(await scene.ledger.readCurrentSince(SECRET_ARN, V2)).toBe(first.currentSince);
});

test("begins a rotation once when many tell of it at the same time", async () => {
  const records = await Promise.all(
    Array.from({ length: 10 }, (_, index) => scene.open({ currentSince: later(index) })),
  );
  expect(new Set(records.map(({ currentSince }) => currentSince)).size).toBe(1);
  expect((await scene.ledger.readSecret(SECRET_ARN)).rotations).toHaveLength(1);
});

test("keeps the first notice and the first verdict of a rotation that decides", async () => {
  const rotation = await scene.open();
  await scene.ledger.recordNotice(rotation, later(40));
  await scene.ledger.recordNotice(rotation, later(90));
  await scene.ledger.recordVerdict(rotation, "rejected", later(50), "refused");
  await scene.ledger.recordVerdict(rotation, "accepted", later(60));
  expect(await scene.open()).toEqual({
    ...rotation,
    noticedAt: later(40).toISOString(),
    verdict: "rejected",
  });
});

test.each(["unverifiable", "unreachable"] as const)(
  "lets a verdict that decides follow on %s",
  async (open_) => {
    const rotation = await scene.open();
    await scene.ledger.recordVerdict(rotation, open_, later(50), "no host");
    await scene.ledger.recordVerdict(rotation, "accepted", later(60));
    const { current } = await scene.ledger.readSecret(SECRET_ARN);
    expect(current).toMatchObject({ verdict: "accepted", decidedAt: later(60).toISOString() });
    expect(current).not.toHaveProperty("reason");
  },
);

test("begins anew where AWSCURRENT is moved back to an earlier version", async () => {
  const before = await scene.open();
  await scene.ledger.recordNotice(before, later(40));
  await scene.ledger.recordVerdict(before, "accepted", later(50));
  const again = await scene.open({ currentSince: later(3_600_000) });
  expect(again).toEqual({
    secretArn: SECRET_ARN,
    versionId: V2,
    currentSince: later(3_600_000).toISOString(),
    detectedBy: "label-updated",
  });
  // What belongs to the earlier move comes too late.
  await scene.ledger.recordVerdict(before, "rejected", later(3_600_100));
  expect((await scene.open({ currentSince: later(3_600_000) })).verdict).toBeUndefined();
  expect((await scene.open()).currentSince).toBe(again.currentSince);
});

test("begins anew where a sign of any kind is newer than the rotation to another version", async () => {
  await scene.open({ versionId: V1, currentSince: later(-60_000) });
  await scene.open();
  const back = await scene.open({
    versionId: V1,
    currentSince: later(60_000),
    detectedBy: "rotation-succeeded",
  });
  expect(back).toMatchObject({ currentSince: later(60_000).toISOString() });
  expect(back).not.toHaveProperty("supersededBy");
});

test("says by which version a rotation was superseded, and does not make it the newest", async () => {
  const former = await scene.open({ versionId: V1, currentSince: later(-60_000) });
  const newest = await scene.open();
  expect(await scene.open({ versionId: V1, currentSince: later(-60_000) })).toEqual({
    ...former,
    supersededBy: V2,
  });
  expect((await scene.ledger.readSecret(SECRET_ARN)).current).toMatchObject(newest);
  expect(await scene.ledger.readCurrentSince(SECRET_ARN, V1)).toBeUndefined();
});

test("keeps the newest report of an instance, whatever the order and however times are written", async () => {
  await scene.ledger.recordReport(reportOf({ versionId: V2, occurredAt: "2026-11-20T10:00:00.5Z" }));
  await scene.ledger.recordReport(reportOf({ versionId: V1, occurredAt: "2026-11-20T10:00:00Z" }));
  expect((await scene.ledger.readInstance(SECRET_ARN, "task-1"))?.versionId).toBe(V2);
  await scene.ledger.recordReport(reportOf({ versionId: V1, occurredAt: "2026-11-20T10:00:01Z" }));
  expect((await scene.ledger.readInstance(SECRET_ARN, "task-1"))?.versionId).toBe(V1);
});

test("keeps the version in use beside a rejected one", async () => {
  await scene.ledger.recordReport(reportOf());
  await scene.ledger.recordReport(
    reportOf({ versionId: V2, outcome: "rejected", occurredAt: "2026-11-20T10:00:02Z" }),
  );
  expect(await scene.ledger.readInstance(SECRET_ARN, "task-1")).toMatchObject({
    versionId: V1,
    rejectedVersionId: V2,
  });
});

test("lists every instance of a secret, over as many pages as it takes, and of no other", async () => {
  const long = "x".repeat(200);
  const names = Array.from({ length: 60 }, (_, index) => `task-${index}-${long}`);
  await Promise.all(names.map((instanceId) => scene.ledger.recordReport(reportOf({ instanceId }))));
  await scene.ledger.recordReport(
    reportOf({ secretArn: `${SECRET_ARN.slice(0, -1)}g`, instanceId: "other" }),
  );
  await scene.open();
  expect(
    (await scene.ledger.listInstances(SECRET_ARN)).map(({ instanceId }) => instanceId).toSorted(),
  ).toEqual(names.toSorted());
});

test("lets one of many claim a decision", async () => {
  const rotation = await scene.open();
  const claims = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      scene.ledger.claimDecision(rotation, "legacy-api", "redeploy", `m${index}`, NOW, LEASE_MS),
    ),
  );
  expect(claims.filter(Boolean)).toHaveLength(1);
});

test("lets a claimant find its own claim and what it was about to do, as after an answer that was lost", async () => {
  const rotation = await scene.open();
  const claim = (decision: string, claimant: string) =>
    scene.ledger.claimDecision(rotation, "legacy-api", decision, claimant, NOW, LEASE_MS);
  expect(await claim("redeploy", "m1")).toBe("redeploy");
  expect(await claim("deployment-in-progress", "m1")).toBe("redeploy");
  expect(await claim("redeploy", "m2")).toBeUndefined();
});

test("gives a claim that was never finished to the next one after the lease, and a finished one to nobody", async () => {
  const rotation = await scene.open();
  const claim = (claimant: string, afterMs: number) =>
    scene.ledger.claimDecision(rotation, "legacy-api", "redeploy", claimant, later(afterMs), LEASE_MS);
  await claim("m1", 0);
  expect(await claim("m2", 29_000)).toBeUndefined();
  expect(await claim("m2", 31_000)).toBe("redeploy");
  await scene.ledger.finishDecision(rotation, "legacy-api", "redeploy", later(32_000));
  expect([await claim("m2", 33_000), await claim("m3", 90_000)]).toEqual([undefined, undefined]);
});

test("lets a step be measured by one message", async () => {
  const claim = (messageId: string) => scene.ledger.claimMeasurement(SECRET_ARN, `${V2}#X#`, messageId, NOW);
  const claims = await Promise.all(["m1", "m2", "m3"].map(claim));
  expect(claims.filter(Boolean)).toHaveLength(1);
});

test("keeps the newest of two rotations that are begun at the same time", async () => {
  await Promise.all([
    scene.open({ currentSince: later(2_000) }),
    scene.open({ versionId: V1, currentSince: later(1_000) }),
  ]);
  expect((await scene.ledger.readSecret(SECRET_ARN)).current).toMatchObject({ versionId: V2 });
  const listed = [];
  for await (const { versionId } of scene.ledger.listSecrets()) listed.push(versionId);
  expect(listed).toEqual([V2]);
});

test("notes when an instance was heard of last, whatever it said", async () => {
  await scene.ledger.recordReport(reportOf({ versionId: V2, timings: { fetchMs: 3, totalMs: 20 } }));
  scene.clock.now = later(86_400_000);
  await scene.ledger.recordHeard(SECRET_ARN, "task-1");
  await scene.ledger.recordHeard(SECRET_ARN, "task-2");
  expect(await scene.ledger.listInstances(SECRET_ARN)).toEqual([
    {
      instanceId: "task-1",
      service: "orders-api",
      versionId: V2,
      swappedAt: "2026-11-20T10:00:00.100Z",
      trigger: "notice",
      timings: { fetchMs: 3, totalMs: 20 },
      heardAt: scene.clock.now.toISOString(),
    },
  ]);
});
