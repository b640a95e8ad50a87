import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createLedger, type Ledger } from "../../../shared/aws/ledger.ts";
import type { Report } from "../../../shared/contract/report.ts";
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

test("knows nothing of a version that nobody told it of", async () => {
  expect(await ledger.readVersion(SECRET_ARN, V2)).toEqual({});
});

test("keeps the first notice and the first verdict of a version", async () => {
  await ledger.recordNotice(SECRET_ARN, V2, "2026-11-20T10:00:00.640Z", NOW.toISOString());
  await ledger.recordNotice(SECRET_ARN, V2, "2026-11-20T10:00:00.000Z", "2026-11-20T10:05:00.000Z");
  await ledger.recordVerdict(SECRET_ARN, V2, "rejected", NOW.toISOString(), "refused");
  await ledger.recordVerdict(SECRET_ARN, V2, "accepted", NOW.toISOString());
  expect(await ledger.readVersion(SECRET_ARN, V2)).toMatchObject({
    currentSince: "2026-11-20T10:00:00.640Z",
    noticedAt: NOW.toISOString(),
    verdict: "rejected",
  });
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
  await ledger.recordVerdict(SECRET_ARN, V1, "accepted", NOW.toISOString());
  expect((await ledger.listInstances(SECRET_ARN)).map(({ instanceId }) => instanceId).toSorted()).toEqual(
    names.toSorted(),
  );
});

test("lets one of many claim a redeploy", async () => {
  const claims = await Promise.all(
    Array.from({ length: 10 }, () => ledger.claimRedeploy(SECRET_ARN, V2, "legacy-api", NOW, 30_000)),
  );
  expect(claims.filter(Boolean)).toHaveLength(1);
});

test("gives a claim that was never finished to the next one after the lease, and a finished one to nobody", async () => {
  const later = (ms: number) => new Date(NOW.getTime() + ms);
  await ledger.claimRedeploy(SECRET_ARN, V2, "legacy-api", NOW, 30_000);
  expect(await ledger.claimRedeploy(SECRET_ARN, V2, "legacy-api", later(29_000), 30_000)).toBe(false);
  expect(await ledger.claimRedeploy(SECRET_ARN, V2, "legacy-api", later(31_000), 30_000)).toBe(true);
  await ledger.finishRedeploy(SECRET_ARN, V2, "legacy-api", later(32_000));
  expect(await ledger.claimRedeploy(SECRET_ARN, V2, "legacy-api", later(90_000), 30_000)).toBe(false);
});

test("lets a step be measured once", async () => {
  const claims = await Promise.all(
    Array.from({ length: 5 }, () => ledger.claimMeasurement(SECRET_ARN, `${V2}#X#`, NOW)),
  );
  expect(claims.filter(Boolean)).toHaveLength(1);
});
