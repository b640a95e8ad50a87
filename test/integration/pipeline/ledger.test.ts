import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { NOW, SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";
import { type LocalDynamoDb, startDynamoDb } from "./dynamodb.ts";
import { keyOf, later, openLedger, reportOf } from "./ledger-scene.ts";

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

test("keeps the first notice of a rotation", async () => {
  const rotation = await scene.open();
  await scene.ledger.recordNotice(rotation, later(40));
  await scene.ledger.recordNotice(rotation, later(90));
  expect(await scene.open()).toEqual({ ...rotation, noticedAt: later(40).toISOString() });
});

test.each(["unverifiable", "unreachable", "rejected"] as const)(
  "lets a login that succeeds follow on %s, and keeps both in the history",
  async (first) => {
    const rotation = await scene.open();
    await scene.ledger.recordVerdict(rotation, first, later(50), "no host");
    await scene.ledger.recordVerdict(rotation, "accepted", later(60));
    const { current } = await scene.ledger.readSecret(SECRET_ARN);
    expect(current).toMatchObject({ verdict: "accepted", decidedAt: later(60).toISOString() });
    expect(current).not.toHaveProperty("reason");
    expect((await scene.ledger.readHistory(SECRET_ARN)).slice(1)).toEqual([
      {
        at: later(50).toISOString(),
        versionId: V2,
        what: "verified",
        verdict: first,
        reason: "no host",
      },
      { at: later(60).toISOString(), versionId: V2, what: "verified", verdict: "accepted" },
    ]);
  },
);

test.each([
  ["accepted", "rejected"],
  ["accepted", "unreachable"],
  ["rejected", "unverifiable"],
  ["rejected", "unreachable"],
] as const)("keeps %s, whatever comes after: %s", async (first, next) => {
  const rotation = await scene.open();
  expect(await scene.ledger.recordVerdict(rotation, first, later(50))).toBe(true);
  expect(await scene.ledger.recordVerdict(rotation, next, later(60), "no answer")).toBe(false);
  const { current } = await scene.ledger.readSecret(SECRET_ARN);
  expect(current).toMatchObject({ verdict: first, decidedAt: later(50).toISOString() });
  expect(current?.verdicts).toHaveLength(1);
});

test("keeps what the newest deadline check found, whatever the order", async () => {
  const rotation = await scene.open();
  await scene.ledger.recordCheck(rotation, later(60_000), { adopted: 3, stale: 0 });
  await scene.ledger.recordCheck(rotation, later(30_000), { adopted: 1, stale: 2, deferred: 1 });
  expect((await scene.ledger.readSecret(SECRET_ARN)).current).toMatchObject({
    checkedAt: later(60_000).toISOString(),
    adoptedAtCheck: 3,
    staleAtCheck: 0,
    deferredAtCheck: 0,
    unmanagedAtCheck: 0,
  });
  await scene.ledger.recordCheck(rotation, later(90_000), { adopted: 3, stale: 0, unmanaged: 2 });
  expect((await scene.ledger.readSecret(SECRET_ARN)).current).toMatchObject({ unmanagedAtCheck: 2 });
});

test("records no check of a rotation that it does not know", async () => {
  const never = { secretArn: SECRET_ARN, versionId: V2, currentSince: NOW.toISOString() };
  await scene.ledger.recordCheck(never, later(60_000), { adopted: 3, stale: 0 });
  expect((await scene.ledger.readSecret(SECRET_ARN)).rotations).toEqual([]);
});

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

test("marks an instance as silent until its next report, unless it was heard of in between", async () => {
  await scene.ledger.recordReport(reportOf());
  const read = () => scene.ledger.readInstance(SECRET_ARN, "task-1");
  const mark = async (instance = { instanceId: "task-1", heardAt: NOW.toISOString() }) =>
    scene.ledger.markSilent(SECRET_ARN, instance, later(1_000).toISOString());
  await mark();
  expect(await read()).toMatchObject({ silentSince: later(1_000).toISOString() });

  scene.clock.now = later(2_000);
  await scene.ledger.recordHeard(SECRET_ARN, "task-1");
  expect(await read()).not.toHaveProperty("silentSince");
  await mark();
  expect(await read()).not.toHaveProperty("silentSince");

  await mark({ instanceId: "task-1", heardAt: later(2_000).toISOString() });
  await scene.ledger.recordReport(reportOf({ versionId: V2, occurredAt: later(3_000).toISOString() }));
  expect(await read()).not.toHaveProperty("silentSince");
  await mark({ instanceId: "task-9", heardAt: NOW.toISOString() });
  expect(await scene.ledger.listInstances(SECRET_ARN)).toHaveLength(1);
});

test("tells everything about one rotation", async () => {
  const rotation = await scene.open();
  await scene.ledger.recordNotice(rotation, later(40));
  expect(await scene.ledger.readRotation(rotation)).toMatchObject({
    ...keyOf(rotation),
    noticedAt: later(40).toISOString(),
    sources: [{ source: "label-updated", toldAt: NOW.toISOString() }],
  });
  expect(await scene.ledger.readRotation({ ...rotation, versionId: V1 })).toBeUndefined();
});

test("an adoption that a clock puts before its rotation counts from the rotation", async () => {
  const rotation = await scene.open();
  const early = reportOf({ versionId: V2, occurredAt: "1999-12-31T23:59:59Z" });
  await scene.ledger.recordReport(early, rotation.currentSince);
  expect(await scene.ledger.readRotation(rotation)).toMatchObject({
    adoptedFirstAt: rotation.currentSince,
    adoptedLastAt: rotation.currentSince,
  });
});
