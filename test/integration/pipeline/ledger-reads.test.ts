import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { NOW, SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";
import { type LocalDynamoDb, startDynamoDb } from "./dynamodb.ts";
import { keyOf, LEASE_MS, later, openLedger, reportOf } from "./ledger-scene.ts";

let dynamoDb: LocalDynamoDb;
let scene: ReturnType<typeof openLedger>;

beforeAll(async () => {
  dynamoDb = await startDynamoDb();
});
afterAll(() => dynamoDb.stop());
beforeEach(async () => {
  scene = openLedger(dynamoDb.client, await dynamoDb.createTable());
});

test("tells of a secret: rotations with sources and adoption, instances and decisions, newest first", async () => {
  const first = await scene.open({ versionId: V1, currentSince: later(-60_000) });
  const rotation = await scene.open();
  scene.clock.now = later(5);
  await scene.open({ detectedBy: "rotation-succeeded" });
  await scene.ledger.recordNotice(rotation, later(20));
  await scene.ledger.recordVerdict(rotation, "accepted", later(30));
  for (const [instanceId, swappedMs] of Object.entries({ "task-2": 90, "task-1": 60, "task-3": 600 }))
    await scene.ledger.recordReport(
      reportOf({ versionId: V2, instanceId, occurredAt: later(swappedMs).toISOString() }),
      rotation.currentSince,
    );
  await scene.ledger.recordReport(
    reportOf({
      versionId: V2,
      instanceId: "task-4",
      trigger: "start",
      occurredAt: later(9_000).toISOString(),
    }),
    rotation.currentSince,
  );
  await scene.ledger.claimDecision(rotation, "legacy-api", "redeploy", "m1", later(1_000), LEASE_MS);
  await scene.ledger.finishDecision(rotation, "legacy-api", "redeploy", later(1_010), "ecs-svc/1");

  const view = await scene.ledger.readSecret(SECRET_ARN);
  expect(view.current).toEqual({
    ...rotation,
    sources: [
      { source: "label-updated", toldAt: NOW.toISOString() },
      { source: "rotation-succeeded", toldAt: later(5).toISOString() },
    ],
    noticedAt: later(20).toISOString(),
    verdict: "accepted",
    decidedAt: later(30).toISOString(),
    verdicts: [{ verdict: "accepted", decidedAt: later(30).toISOString() }],
    adoptedFirstAt: later(60).toISOString(),
    adoptedLastAt: later(600).toISOString(),
  });
  expect(view.rotations.map(({ currentSince }) => currentSince)).toEqual([
    rotation.currentSince,
    first.currentSince,
  ]);
  expect(view.instances.map(({ instanceId }) => instanceId)).toEqual([
    "task-1",
    "task-2",
    "task-3",
    "task-4",
  ]);
  expect(view.decisions).toEqual([
    {
      ...keyOf(rotation),
      serviceArn: "legacy-api",
      intent: "redeploy",
      claimedAt: later(1_000).toISOString(),
      claimedBy: "m1",
      decision: "redeploy",
      decidedAt: later(1_010).toISOString(),
      deploymentId: "ecs-svc/1",
    },
  ]);
});

test("knows nothing of a secret that was never rotated", async () => {
  expect(await scene.ledger.readSecret(SECRET_ARN)).toEqual({
    secretArn: SECRET_ARN,
    rotations: [],
    instances: [],
    decisions: [],
  });
});

test("lists every secret with its newest rotation", async () => {
  const other = `${SECRET_ARN.slice(0, -1)}g`;
  await scene.open({ versionId: V1, currentSince: later(-60_000) });
  const newest = [keyOf(await scene.open()), keyOf(await scene.open({ secretArn: other }))];
  const listed = [];
  for await (const secret of scene.ledger.listSecrets()) listed.push(secret);
  expect(listed).toEqual(newest);
});

test("finds what a deployment carries out, and keeps how it ended first", async () => {
  const rotation = await scene.open();
  await scene.ledger.claimDecision(rotation, "legacy-api", "redeploy", "m1", NOW, LEASE_MS);
  await scene.ledger.finishDecision(rotation, "legacy-api", "redeploy", NOW, "ecs-svc/1");
  const [found] = await scene.ledger.findRedeploys("ecs-svc/1");
  expect(found).toMatchObject({ ...keyOf(rotation), serviceArn: "legacy-api" });
  expect(await scene.ledger.findRedeploys("ecs-svc/2")).toEqual([]);

  const decision = { ...keyOf(rotation), serviceArn: "legacy-api" };
  expect(await scene.ledger.recordDeployment(decision, "failed", later(60_000))).toBe(true);
  expect(await scene.ledger.recordDeployment(decision, "completed", later(90_000))).toBe(false);
  expect(await scene.ledger.findRedeploys("ecs-svc/1")).toMatchObject([{ deploymentOutcome: "failed" }]);
});

test("tells the history of a secret: who told, who adopted and refused which version when, and no values", async () => {
  const rotation = await scene.open();
  scene.clock.now = later(500);
  await scene.open({ detectedBy: "rotation-succeeded" });
  await scene.ledger.recordNotice(rotation, later(20));
  await scene.ledger.recordVerdict(rotation, "rejected", later(30), "The database refused the login");
  const refused = reportOf({
    versionId: V2,
    outcome: "rejected",
    occurredAt: later(40).toISOString(),
    reason: { code: "28P01", message: "refused" },
  });
  const adopted = reportOf({ instanceId: "task-2", versionId: V2, occurredAt: later(50).toISOString() });
  for (const said of [refused, adopted, refused])
    await scene.ledger.recordReport(said, rotation.currentSince);
  await scene.ledger.claimDecision(
    rotation,
    "legacy-api",
    "credential-rejected",
    "m1",
    later(1_000),
    LEASE_MS,
  );
  await scene.ledger.finishDecision(rotation, "legacy-api", "credential-rejected", later(1_000));

  const history = await scene.ledger.readHistory(SECRET_ARN);
  const line = (ms: number, fields: object) => ({ at: later(ms).toISOString(), versionId: V2, ...fields });
  expect(history).toEqual([
    line(0, { what: "rotated", source: "label-updated" }),
    line(20, { what: "noticed" }),
    line(30, { what: "verified", verdict: "rejected", reason: "The database refused the login" }),
    line(40, { what: "refused", instanceId: "task-1", service: "orders-api", code: "28P01" }),
    line(50, { what: "adopted", instanceId: "task-2", service: "orders-api", trigger: "notice" }),
    line(500, { what: "seen-again", source: "rotation-succeeded" }),
    line(1_000, { what: "withheld", serviceArn: "legacy-api", reason: "credential-rejected" }),
  ]);
  expect(await scene.ledger.readHistory(SECRET_ARN, { since: later(45) })).toEqual(history.slice(4));
});

test("keeps a report that came late in the history, though the instance is not taken back", async () => {
  await scene.ledger.recordReport(reportOf({ versionId: V2, occurredAt: later(0).toISOString() }));
  await scene.ledger.recordReport(reportOf({ versionId: V1, occurredAt: later(-1_000).toISOString() }));
  expect((await scene.ledger.readHistory(SECRET_ARN)).map(({ versionId }) => versionId)).toEqual([V1, V2]);
  expect((await scene.ledger.readInstance(SECRET_ARN, "task-1"))?.versionId).toBe(V2);
});

test("tells in the history what was withheld, though it was redeployed later", async () => {
  const rotation = await scene.open();
  const decide = async (decision: string, claimant: string, ms: number) => {
    await scene.ledger.claimDecision(rotation, "legacy-api", decision, claimant, later(ms), LEASE_MS);
    await scene.ledger.finishDecision(rotation, "legacy-api", decision, later(ms));
  };
  await decide("credential-unreachable", "m1", 1_000);
  await decide("redeploy", "m2", 60_000);
  const decided = (await scene.ledger.readHistory(SECRET_ARN)).slice(1);
  expect(decided).toEqual([
    {
      at: later(1_000).toISOString(),
      versionId: V2,
      what: "withheld",
      serviceArn: "legacy-api",
      reason: "credential-unreachable",
    },
    { at: later(60_000).toISOString(), versionId: V2, what: "redeployed", serviceArn: "legacy-api" },
  ]);
});
