import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createLedger } from "../../../shared/aws/dynamodb-ledger.ts";
import type { Ledger, RotationRecord } from "../../../shared/aws/ledger.ts";
import type { Report } from "../../../shared/contract/report.ts";
import type { CurrentRotation } from "../../../shared/rotation/current-rotation.ts";
import { NOW, SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";

let server: Server;
let client: DynamoDBClient;
let ledger: Ledger;
let tables = 0;

beforeAll(async () => {
  server = dynalite({ createTableMs: 0 });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  client = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: "us-east-1",
    credentials: { accessKeyId: "EXAMPLE", secretAccessKey: "EXAMPLE" },
  });
});

afterAll(async () => {
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

beforeEach(async () => {
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
  ledger = createLedger(client, TableName);
});

const report = (changes: Partial<Report> = {}): Report => ({
  v: 1,
  secretArn: SECRET_ARN,
  versionId: V1,
  instanceId: "task-1",
  service: "orders-api",
  outcome: "swapped",
  trigger: "notice",
  occurredAt: "2026-11-20T10:00:00.100Z",
  timings: {},
  ...changes,
});

const LEASE_MS = 30_000;
const later = (ms: number) => new Date(NOW.getTime() + ms);
const move = (changes: Partial<CurrentRotation> = {}): CurrentRotation => ({
  secretArn: SECRET_ARN,
  versionId: V2,
  detectedBy: "label-updated",
  currentSince: NOW,
  ...changes,
});
const open = (changes?: Partial<CurrentRotation>): Promise<RotationRecord> =>
  ledger.openRotation(move(changes));

test("knows nothing of a version that nobody told it of", async () => {
  expect(await ledger.readCurrentSince(SECRET_ARN, V2)).toBeUndefined();
});

test("gives everybody the same record of a rotation, whichever source tells first", async () => {
  const first = await open();
  expect(first).toEqual({ secretArn: SECRET_ARN, versionId: V2, currentSince: NOW.toISOString() });
  expect(await open({ currentSince: later(640) })).toEqual(first);
  expect(await open({ detectedBy: "rotation-succeeded", currentSince: later(120_000) })).toEqual(first);
  expect(await ledger.readCurrentSince(SECRET_ARN, V2)).toBe(first.currentSince);
});

test("keeps the first notice and the first verdict of a rotation", async () => {
  const rotation = await open();
  await ledger.recordNotice(rotation, later(40));
  await ledger.recordNotice(rotation, later(90));
  await ledger.recordVerdict(rotation, "rejected", later(50), "refused");
  await ledger.recordVerdict(rotation, "accepted", later(60));
  expect(await open()).toEqual({ ...rotation, noticedAt: later(40).toISOString(), verdict: "rejected" });
});

test("begins anew where AWSCURRENT is moved back to an earlier version", async () => {
  const before = await open();
  await ledger.recordNotice(before, later(40));
  await ledger.recordVerdict(before, "accepted", later(50));
  const again = await open({ currentSince: later(3_600_000) });
  expect(again).toEqual({ ...before, currentSince: later(3_600_000).toISOString() });
  // What belongs to the earlier move comes too late.
  await ledger.recordVerdict(before, "accepted", later(3_600_100));
  expect((await open({ currentSince: later(3_600_000) })).verdict).toBeUndefined();
  expect((await open()).currentSince).toBe(again.currentSince);
});

test("keeps the newest report of an instance, whatever the order and however times are written", async () => {
  await ledger.recordReport(report({ versionId: V2, occurredAt: "2026-11-20T10:00:00.5Z" }));
  await ledger.recordReport(report({ versionId: V1, occurredAt: "2026-11-20T10:00:00Z" }));
  expect((await ledger.readInstance(SECRET_ARN, "task-1"))?.versionId).toBe(V2);
  await ledger.recordReport(report({ versionId: V1, occurredAt: "2026-11-20T10:00:01Z" }));
  expect((await ledger.readInstance(SECRET_ARN, "task-1"))?.versionId).toBe(V1);
});

test("keeps the version in use beside a rejected one", async () => {
  await ledger.recordReport(report());
  await ledger.recordReport(
    report({ versionId: V2, outcome: "rejected", occurredAt: "2026-11-20T10:00:02Z" }),
  );
  expect(await ledger.readInstance(SECRET_ARN, "task-1")).toMatchObject({
    versionId: V1,
    rejectedVersionId: V2,
  });
});

test("lists every instance of a secret, over as many pages as it takes, and of no other", async () => {
  const long = "x".repeat(200);
  const names = Array.from({ length: 60 }, (_, index) => `task-${index}-${long}`);
  await Promise.all(names.map((instanceId) => ledger.recordReport(report({ instanceId }))));
  await ledger.recordReport(report({ secretArn: `${SECRET_ARN.slice(0, -1)}g`, instanceId: "other" }));
  await open();
  expect((await ledger.listInstances(SECRET_ARN)).map(({ instanceId }) => instanceId).toSorted()).toEqual(
    names.toSorted(),
  );
});

test("lets one of many claim a decision", async () => {
  const rotation = await open();
  const claims = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      ledger.claimDecision(rotation, "legacy-api", "redeploy", `m${index}`, NOW, LEASE_MS),
    ),
  );
  expect(claims.filter(Boolean)).toHaveLength(1);
});

test("lets a claimant find its own claim and what it was about to do, as after an answer that was lost", async () => {
  const rotation = await open();
  const claim = (decision: string, claimant: string) =>
    ledger.claimDecision(rotation, "legacy-api", decision, claimant, NOW, LEASE_MS);
  expect(await claim("redeploy", "m1")).toBe("redeploy");
  expect(await claim("deployment-in-progress", "m1")).toBe("redeploy");
  expect(await claim("redeploy", "m2")).toBeUndefined();
});

test("gives a claim that was never finished to the next one after the lease, and a finished one to nobody", async () => {
  const rotation = await open();
  const claim = (claimant: string, afterMs: number) =>
    ledger.claimDecision(rotation, "legacy-api", "redeploy", claimant, later(afterMs), LEASE_MS);
  await claim("m1", 0);
  expect(await claim("m2", 29_000)).toBeUndefined();
  expect(await claim("m2", 31_000)).toBe("redeploy");
  await ledger.finishDecision(rotation, "legacy-api", "redeploy", later(32_000));
  expect([await claim("m2", 33_000), await claim("m3", 90_000)]).toEqual([undefined, undefined]);
});

test("lets a step be measured by one message", async () => {
  const claim = (messageId: string) => ledger.claimMeasurement(SECRET_ARN, `${V2}#X#`, messageId, NOW);
  const claims = await Promise.all(["m1", "m2", "m3"].map(claim));
  expect(claims.filter(Boolean)).toHaveLength(1);
});
