import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { ECSClient, UpdateServiceCommand } from "@aws-sdk/client-ecs";
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { IoTDataPlaneClient, PublishCommand } from "@aws-sdk/client-iot-data-plane";
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rotationSucceededEvent } from "../../../local/aws/secrets/secret-events.ts";
import { CLUSTER } from "../../../local/demo/services.ts";
import type { DomainEventType } from "../../../shared/contract/domain-event.ts";
import { noticeTopic, reportTopic } from "../../../shared/contract/topics.ts";
import { eventually, startTestRun, type TestRun } from "./local-run.ts";
import { queueUrlOf, readVersion } from "./operator-view.ts";
import { startTestService } from "./service.ts";
import { type StolenCredentials, stealCredentials } from "./stolen-credentials.ts";
import { createTestStore, type TestStore } from "./store.ts";

let run: TestRun;
let own: TestStore;
let stolen: StolenCredentials;
let thief: MqttClient;
beforeAll(async () => {
  run = await startTestRun();
  own = await createTestStore(run);
  stolen = await stealCredentials(run, own.secretArn);
  thief = await stolen.connect();
});
afterAll(async () => {
  await thief?.endAsync(true);
  await run?.stop();
});

const told = (versionId: string, type: DomainEventType) =>
  run.seen.domainEvents(versionId).filter((event) => event.type === type);
const again = ({ secretArn }: TestStore) =>
  run.sendEvent(rotationSucceededEvent(run.place, secretArn, new Date()));

/** Publishes a report with the keys of a service that it is not about, and waits until it is recorded. */
async function forge({ secretArn }: TestStore, versionId: string, instanceId: string): Promise<void> {
  const occurredAt = new Date().toISOString();
  const what = { outcome: "swapped", trigger: "poll", occurredAt, timings: {}, service: "forged" };
  const report = JSON.stringify({ v: 1, secretArn, versionId, instanceId, ...what });
  const handled = { secretArn, versionId, message: "Message handled" };
  const before = run.seen.logsOf("acknowledge", handled).length;
  await thief.publishAsync(reportTopic(run.topicPrefix, secretArn), report, { qos: 1 });
  await eventually(() => expect(run.seen.logsOf("acknowledge", handled)).toHaveLength(before + 1));
}

describe("whoever has stolen a service's keys", () => {
  test("cannot send a notice: the connection closes, and nobody hears it", async () => {
    const topic = noticeTopic(run.topicPrefix, own.secretArn);
    const notice = JSON.parse(
      readFileSync(new URL("../../../events/messages/notice.json", import.meta.url), "utf8"),
    );
    const [forged, marker] = [randomUUID(), randomUUID()].map((versionId) =>
      JSON.stringify({ ...notice, versionId }),
    );
    const listener = await connectAsync(run.mqttUrl);
    const heard: string[] = [];
    listener.on("message", (_topic, payload) => heard.push(String(payload)));
    await listener.subscribeAsync(topic, { qos: 1 });
    const intruder = await stolen.connect();
    const closed = new Promise<void>((resolve) => intruder.once("close", () => resolve()));
    intruder.on("error", () => {});
    intruder.publish(topic, forged ?? "", { qos: 1 });
    await closed;
    await listener.publishAsync(topic, marker ?? "", { qos: 1 });
    await eventually(() => expect(heard).toContain(marker));
    expect(heard).not.toContain(forged);
    await listener.endAsync();
  });

  test("hears of other secrets' rotations, and neither values nor users of them", async () => {
    const other = await createTestStore(run);
    const heard: string[] = [];
    const eavesdropper = await stolen.connect();
    eavesdropper.on("message", (_topic, payload) => heard.push(String(payload)));
    await eavesdropper.subscribeAsync(noticeTopic(run.topicPrefix, other.secretArn), { qos: 1 });
    const { versionId } = await other.rotate();
    await eventually(() => expect(heard.join()).toContain(versionId));
    for (const notice of heard) {
      const fields = ["v", "kind", "secretArn", "versionId", "currentSince", "noticedAt"];
      expect(Object.keys(JSON.parse(notice)).toSorted()).toEqual(fields.toSorted());
    }
    await eavesdropper.endAsync();
  });

  test("reads that service's secret, and nothing else", async () => {
    const other = await createTestStore(run);
    const clients = {
      secrets: new SecretsManagerClient(stolen.clientConfig),
      events: new EventBridgeClient(stolen.clientConfig),
      sqs: new SQSClient(stolen.clientConfig),
      dynamoDb: new DynamoDBClient(stolen.clientConfig),
      ecs: new ECSClient(stolen.clientConfig),
      iot: new IoTDataPlaneClient(stolen.clientConfig),
    };
    const { secrets, events, sqs, dynamoDb, ecs, iot } = clients;
    const move = { VersionStage: "AWSCURRENT", MoveToVersionId: own.firstVersionId };
    const event = { Source: "keyturn", DetailType: "Credential Rotated", Detail: "{}" };
    const Key = { pk: { S: `SECRET#${own.secretArn}` }, sk: { S: "INSTANCE#forged" } };
    const QueueUrl = await queueUrlOf(run, "verify");
    const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
      "another secret": () => secrets.send(new GetSecretValueCommand({ SecretId: other.secretArn })),
      "a new value": () =>
        secrets.send(new PutSecretValueCommand({ SecretId: own.secretArn, SecretString: "forged" })),
      "a label": () =>
        secrets.send(new UpdateSecretVersionStageCommand({ SecretId: own.secretArn, ...move })),
      "an event": () => events.send(new PutEventsCommand({ Entries: [event] })),
      "a message": () => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "{}" })),
      "the ledger": () =>
        dynamoDb.send(new UpdateItemCommand({ TableName: `keyturn-${run.stage}-ledger`, Key })),
      "a deployment": () => ecs.send(new UpdateServiceCommand({ cluster: CLUSTER, service: "any" })),
      "a notice by HTTP": () =>
        iot.send(new PublishCommand({ topic: noticeTopic(run.topicPrefix, own.secretArn) })),
    };
    await expect(
      secrets.send(new GetSecretValueCommand({ SecretId: own.secretArn })),
    ).resolves.toHaveProperty("SecretString");
    for (const [what, attempt] of Object.entries(attempts))
      await expect(attempt(), what).rejects.toMatchObject({ name: "AccessDeniedException" });
    for (const client of Object.values(clients)) client.destroy();
  });
});

describe("a forged report", () => {
  test("starts nothing by itself", async () => {
    const store = await createTestStore(run);
    const service = await startTestService(run, store);
    // The check of the first version is over, so that none is left that the report could meet.
    await eventually(() => expect(told(store.firstVersionId, "AdoptionChecked")).not.toEqual([]));
    const [before, [task = ""]] = [await service.deployments(), await service.taskArns()];
    const [checks, older] = [told(store.firstVersionId, "AdoptionChecked").length, randomUUID()];
    await forge(store, older, task);
    await eventually(() =>
      expect(run.seen.logsOf("measure", { versionId: older, outcome: "measured" })).toHaveLength(1),
    );
    expect(told(store.firstVersionId, "AdoptionChecked")).toHaveLength(checks);
    expect((await service.deployments()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  });

  test("costs a service that has followed one rolling deployment for a rotation, however often it comes", async () => {
    const store = await createTestStore(run);
    const service = await startTestService(run, store);
    const [task = ""] = await service.taskArns();
    const { versionId } = await store.rotate("alternating-users");
    await forge(store, versionId, task);
    await forge(store, store.firstVersionId, task);
    await eventually(() => expect(told(versionId, "ServiceRedeployed")).toHaveLength(1));
    await service.steady();

    const [replacement = ""] = await service.taskArns();
    for (const instance of [task, replacement]) await forge(store, store.firstVersionId, instance);
    const checks = told(versionId, "AdoptionChecked").length;
    await again(store);
    await eventually(() => expect(told(versionId, "AdoptionChecked").length).toBeGreaterThan(checks));
    await eventually(() =>
      expect(run.seen.logsOf("redeploy", { secretArn: store.secretArn, outcome: "checked" })).toContainEqual(
        expect.objectContaining({ adopted: 1, stale: 0 }),
      ),
    );
    expect(told(versionId, "ServiceRedeployed")).toHaveLength(1);
    expect(await service.taskArns()).toEqual([replacement]);
  });

  test("that a service has followed keeps it from being redeployed, for that rotation", async () => {
    const store = await createTestStore(run);
    const service = await startTestService(run, store);
    const [task = ""] = await service.taskArns();
    const { versionId } = await store.rotate("alternating-users");
    await forge(store, versionId, task);
    await eventually(() =>
      expect(told(versionId, "AdoptionChecked")).toMatchObject([{ detail: { adopted: 1, stale: 0 } }]),
    );
    expect(told(versionId, "ServiceRedeployed")).toEqual([]);

    const next = await store.rotate("single-user");
    await eventually(() => expect(told(next.versionId, "ServiceRedeployed")).toHaveLength(1));
  });

  test("of a task outside the clusters that are looked at leads to an alarm, and to no deployment", async () => {
    const store = await createTestStore(run);
    const task = `arn:aws:ecs:us-east-1:000000000000:task/other/${randomUUID().replaceAll("-", "")}`;
    await forge(store, store.firstVersionId, task);
    const { versionId } = await store.rotate();
    await eventually(() =>
      expect(told(versionId, "StaleUnmanaged")).toMatchObject([{ detail: { examples: [task] } }]),
    );
    expect(told(versionId, "ServiceRedeployed")).toEqual([]);
  });
});

describe("a forged event", () => {
  const tell = (Source: string, DetailType: string, detail: object) =>
    run.clients.eventBridge.send(
      new PutEventsCommand({ Entries: [{ Source, DetailType, Detail: JSON.stringify(detail) }] }),
    );

  test("of a rotation that did not happen is dropped, and no service hears of it", async () => {
    const { secretArn } = await createTestStore(run);
    const versionId = randomUUID();
    const occurredAt = new Date(Date.now() - 60_000).toISOString();
    await tell("keyturn", "Credential Rotated", { v: 1, secretArn, versionId, occurredAt });
    for (const name of ["notify", "verify", "redeploy"])
      await eventually(() =>
        expect(run.seen.logsOf(name, { versionId })).toMatchObject([{ outcome: "superseded" }]),
      );
    expect(run.seen.notices.filter((notice) => notice.versionId === versionId)).toEqual([]);
  });

  test("of a check of the future, or a verdict, begins no rotation, and the next real one is followed", async () => {
    const store = await createTestStore(run);
    await startTestService(run, store);
    const { versionId } = await store.rotate("single-user");
    await eventually(() => expect(told(versionId, "ServiceRedeployed")).toHaveLength(1));
    const currentSince = "2099-01-01T00:00:00.000Z";
    const sign = { detectedBy: "label-updated", toldAt: currentSince };
    const occurredAt = new Date().toISOString();
    const forged = { v: 1, secretArn: store.secretArn, versionId, occurredAt, currentSince, ...sign };
    await tell(run.eventSource, "RedeployDeferred", { ...forged, deferred: 1, round: 1, claimant: "m" });
    await tell(run.eventSource, "CredentialVerified", {
      ...forged,
      verifyMs: 5,
      previousVerdict: "rejected",
    });
    await eventually(() =>
      expect(run.seen.logsOf("redeploy", { versionId, outcome: "superseded" })).toHaveLength(2),
    );
    const next = await store.rotate("single-user");
    await eventually(() => expect(told(next.versionId, "ServiceRedeployed")).toHaveLength(1));
  });

  test("that a refused credential is good redeploys nothing", async () => {
    const store = await createTestStore(run);
    const service = await startTestService(run, store);
    const before = await service.taskArns();
    const { versionId } = await store.rotate("password-never-set");
    await eventually(() => expect(told(versionId, "CredentialRejected")).toHaveLength(1));
    const at = new Date().toISOString();
    const verified = { v: 1, secretArn: store.secretArn, versionId, currentSince: at, occurredAt: at };
    await tell(run.eventSource, "CredentialVerified", { ...verified, verifyMs: 5 });
    await eventually(() => expect(told(versionId, "CredentialVerified")).toHaveLength(1));
    await eventually(() => expect(told(versionId, "RedeployWithheld")).not.toEqual([]));
    const checks = told(versionId, "AdoptionChecked").length;
    await again(store);
    await eventually(() => expect(told(versionId, "AdoptionChecked").length).toBeGreaterThan(checks));
    expect(await readVersion(run, store.secretArn, versionId)).toMatchObject({ verdict: "rejected" });
    expect(told(versionId, "ServiceRedeployed")).toEqual([]);
    expect(await service.taskArns()).toEqual(before);
  });
});
