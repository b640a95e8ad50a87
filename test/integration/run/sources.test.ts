import { randomUUID } from "node:crypto";
import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import { PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { CreateSecretCommand, UpdateSecretVersionStageCommand } from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAwsEvent } from "../../../local/aws/events/aws-event.ts";
import { scheduledEvent } from "../../../local/aws/events/scheduled-event.ts";
import type { Notice } from "../../../shared/contract/notice.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";
import { eventually, packagedStack, startTestRun, type TestRun } from "./local-run.ts";
import { readLedger, sumOf } from "./operator-view.ts";
import { createTestStore } from "./store.ts";

let run: TestRun;
const topics: string[] = [];
beforeAll(async () => {
  const packaged = packagedStack();
  const template = withoutNativeEvent(packaged.template);
  run = await startTestRun({ packaged: { ...packaged, template }, hasTrail: true });
  run.events.on("published", ({ topic }) => topics.push(topic));
});
afterAll(() => run?.stop());

interface Template {
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties: object }>>;
}

/** The stack without its first source, so that the others are seen; it watches `test/` and what Vault keeps. */
function withoutNativeEvent(template: unknown): Template {
  const copy = structuredClone(template) as Template;
  for (const [name, { Type, Properties }] of Object.entries(copy.Resources)) {
    if (name === "SecretLabelUpdatedRule") Object.assign(Properties, { State: "DISABLED" });
    if (Type === "AWS::Lambda::Function" && "Environment" in Properties) {
      const { Variables } = Properties.Environment as { readonly Variables: object };
      Object.assign(Variables, { WATCHED_PREFIXES: "test/,vault:" });
    }
  }
  return copy;
}

async function tell(detail: object, source = "keyturn"): Promise<void> {
  const Entries = [{ Source: source, DetailType: "Credential Rotated", Detail: JSON.stringify(detail) }];
  await run.clients.eventBridge.send(new PutEventsCommand({ Entries }));
}

const noticesOf = (secretArn: string): Notice[] =>
  run.seen.notices.filter((notice) => notice.secretArn === secretArn);
const detectedBy = (versionId: string) =>
  run.seen
    .domainEvents(versionId)
    .flatMap(({ type, detail }) => (type === "RotationNoticed" ? [detail.detectedBy] : []));

test("an event of one's own brings the services of a secret in Vault their notice", async () => {
  const secretId = `vault:kv/app/${randomUUID()}/db`;
  const occurredAt = new Date(Date.now() - 2_000).toISOString();
  await tell({ v: 1, secretId, versionId: "17", occurredAt });
  await eventually(() => expect(noticesOf(secretId)).toHaveLength(1));
  expect(noticesOf(secretId)[0]).toMatchObject({ versionId: "17", currentSince: occurredAt });
  expect(topics).toContain(noticeTopic(run.topicPrefix, secretId));

  await tell({ v: 1, secretId, versionId: "16", occurredAt: new Date(Date.now() - 9_000).toISOString() });
  await eventually(() =>
    expect(run.seen.logsOf("notify", { secretArn: secretId, outcome: "superseded" })).toHaveLength(1),
  );
  expect(noticesOf(secretId)).toHaveLength(1);
});

test("CloudTrail's record of UpdateSecretVersionStage stands in for the native event, there and back", async () => {
  const store = await createTestStore(run);
  const { versionId } = await store.rotate();
  await eventually(() => expect(detectedBy(versionId)).toEqual(["update-version-stage"]));
  expect(noticesOf(store.secretArn).map((notice) => notice.versionId)).toEqual([versionId]);

  await run.clients.secrets.send(
    new UpdateSecretVersionStageCommand({
      SecretId: store.secretArn,
      VersionStage: "AWSCURRENT",
      MoveToVersionId: store.firstVersionId,
      RemoveFromVersionId: versionId,
    }),
  );
  await eventually(() => expect(detectedBy(store.firstVersionId)).toEqual(["update-version-stage"]));
});

test("a rotation that two sources tell of is noticed once, and the second is counted", async () => {
  const store = await createTestStore(run);
  const before = await sumOf(run, "DuplicateSource");
  const { versionId } = await store.rotate();
  await eventually(() => expect(detectedBy(versionId)).toHaveLength(1));
  await eventually(() => expect(noticesOf(store.secretArn)).toHaveLength(1));
  await eventually(() =>
    expect(run.seen.logsOf("notify", { versionId, outcome: "noticed" })).toHaveLength(1),
  );
  await tell({ v: 1, secretArn: store.secretArn, versionId });
  await eventually(async () => expect(await sumOf(run, "DuplicateSource")).toBe(before + 1));
  expect(noticesOf(store.secretArn)).toHaveLength(1);
});

test("a reset of a database's master password leads to the secret that RDS manages for it", async () => {
  const name = randomUUID().slice(0, 8);
  const databaseArn = `arn:aws:rds:us-east-1:000000000000:db:orders-${name}`;
  const { ARN: secretArn = "", VersionId: versionId = "" } = await run.clients.secrets.send(
    new CreateSecretCommand({
      Name: `test/rds-${name}`,
      SecretString: JSON.stringify({ username: "orders", password: "first-EXAMPLE" }),
      Tags: [{ Key: "aws:rds:primaryDBInstanceArn", Value: databaseArn }],
    }),
  );
  const detail = { EventID: "RDS-EVENT-0016", SourceArn: databaseArn, SourceType: "DB_INSTANCE" };
  const reset = { source: "aws.rds", detailType: "RDS DB Instance Event", detail };
  await run.sendEvent(createAwsEvent(run.place, reset, new Date()));
  await eventually(() => expect(detectedBy(versionId)).toEqual(["credentials-reset"]));
  expect(noticesOf(secretArn)).toMatchObject([{ versionId }]);

  const other = { ...detail, SourceArn: `${databaseArn}-unmanaged` };
  await run.sendEvent(createAwsEvent(run.place, { ...reset, detail: other }, new Date()));
  // Where prefixes say what is watched, a database without a secret is somebody else's.
  await eventually(() => expect(run.seen.logsOf("reconcile", { outcome: "not-watched" })).not.toEqual([]));
  expect(await sumOf(run, "SignDropped")).toBe(0);
});

test("nothing is done about a secret that is not watched", async () => {
  const { ARN: secretArn, VersionId: versionId } = await run.clients.secrets.send(
    new CreateSecretCommand({ Name: `other/${randomUUID()}`, SecretString: "first-EXAMPLE" }),
  );
  await tell({ v: 1, secretArn, versionId });
  await eventually(() =>
    expect(run.seen.logsOf("notify", { versionId: versionId ?? "" })).toMatchObject([
      { outcome: "not-watched" },
    ]),
  );
  expect(noticesOf(secretArn ?? "")).toEqual([]);
});

test("a rotation that failed is counted, and nobody is notified", async () => {
  const store = await createTestStore(run);
  const detail = { eventName: "RotationFailed", additionalEventData: { SecretId: store.secretArn } };
  const failed = { source: "aws.secretsmanager", detailType: "AWS Service Event via CloudTrail", detail };
  await run.sendEvent(createAwsEvent(run.place, failed, new Date()));
  await eventually(async () => expect(await sumOf(run, "RotationFailed")).toBe(1));
  expect(noticesOf(store.secretArn)).toEqual([]);
});

test("the hourly run compares every secret with the ledger, and tells of a silent instance, under its own role", async () => {
  const store = await createTestStore(run);
  const { versionId } = await store.rotate();
  await eventually(() => expect(detectedBy(versionId)).toHaveLength(1));
  const instanceId = `task-${randomUUID()}`;
  const heardAt = new Date(Date.now() - 30 * 3_600_000).toISOString();
  const row = {
    pk: `SECRET#${store.secretArn}`,
    sk: `INSTANCE#${instanceId}`,
    instanceId,
    service: "orders-api",
    versionId,
    heardAt,
  };
  await run.clients.dynamoDb.send(
    new PutItemCommand({
      TableName: `keyturn-${run.stage}-ledger`,
      Item: Object.fromEntries(Object.entries(row).map(([name, S]) => [name, { S }])),
    }),
  );

  const itIsTime = () =>
    run.sendEvent(scheduledEvent(run.place, `keyturn-${run.stage}-reconcile`, new Date()));
  await itIsTime();
  const runs = () => run.seen.logsOf("reconcile", { outcome: "reconciled" });
  await eventually(() => expect(runs()).toMatchObject([{ missed: [], silent: [instanceId] }]));
  await eventually(async () => expect(await sumOf(run, "InstanceSilent")).toBe(1));
  const marked = (await readLedger(run, store.secretArn)).find(({ sk }) => sk.endsWith(instanceId));
  expect(marked).toMatchObject({ silentSince: expect.any(String) });
  await itIsTime();
  await eventually(() => expect(runs()).toMatchObject([{}, { missed: [], silent: [] }]));
  expect(run.seen.logsOf("reconcile", { level: "ERROR" })).toEqual([]);
});
