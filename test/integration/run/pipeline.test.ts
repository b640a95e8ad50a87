import { randomUUID } from "node:crypto";
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { labelUpdatedEvent, rotationSucceededEvent } from "../../../local/aws/secrets/secret-events.ts";
import { type Notice, parseNotice } from "../../../shared/contract/notice.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";
import { eventually, FUNCTIONS, startTestRun, type TestRun } from "./local-run.ts";
import { alarmState, readLedger, readMeasured, readVersion, sumOf } from "./operator-view.ts";
import { createTestStore, type TestStore } from "./store.ts";

let run: TestRun;
beforeAll(async () => {
  run = await startTestRun();
});
afterAll(() => run?.stop());

/** The handlers of rotation events that have finished with this many events about the secret, and measure with all that came of them. */
async function allHandled({ secretArn }: TestStore, events: number, versionId: string): Promise<void> {
  const done = { secretArn, message: "Message handled" };
  await eventually(() => {
    for (const name of ["notify", "verify", "redeploy"])
      expect(run.seen.logsOf(name, done)).toHaveLength(events);
  });
  await eventually(() => {
    const emitted = run.seen.domainEvents(versionId).length;
    expect(run.seen.logsOf("measure", { versionId, message: "Message handled" })).toHaveLength(emitted);
  });
}

/** What Secrets Manager sends when a version becomes current. */
function nativeEvent({ secretArn: arn, secretName: name }: TestStore, versionId: string, at: Date) {
  const event = labelUpdatedEvent(run.place, { arn, name }, { stage: "AWSCURRENT", versionId }, at);
  if (!event) throw new Error("A move of AWSCURRENT is told of");
  return event;
}

const noticesOf = ({ secretArn }: TestStore) =>
  run.seen.notices.filter((notice) => notice.secretArn === secretArn).map(({ versionId }) => versionId);

/** The message that the broker keeps for whoever subscribes from now on. */
async function retainedNotice(secretArn: string) {
  const client = await connectAsync(run.mqttUrl, { clean: true });
  try {
    const received = new Promise<{ notice: Notice; isRetained: boolean }>((resolve) => {
      client.once("message", (_topic, payload, { retain }) =>
        resolve({ notice: parseNotice(String(payload)), isRetained: retain }),
      );
    });
    await client.subscribeAsync(noticeTopic(run.topicPrefix, secretArn), { qos: 1 });
    return await received;
  } finally {
    await client.endAsync();
  }
}

test("a rotation leaves a notice on the broker for a service that subscribes later", async () => {
  const store = await createTestStore(run);
  const { versionId, currentSince } = await store.rotate();
  await eventually(() => expect(noticesOf(store)).toContain(versionId));
  const { notice, isRetained } = await retainedNotice(store.secretArn);
  expect(isRetained).toBe(true);
  expect(notice).toMatchObject({ v: 1, secretArn: store.secretArn, versionId });
  expect(notice.currentSince).toBe(currentSince.toISOString());
});

test("a rotation that is told of four times, CloudTrail first, is noticed, verified and measured once", async () => {
  const store = await createTestStore(run);
  await allHandled(store, 1, store.firstVersionId);
  const before = {
    noticed: await sumOf(run, "RotationNoticed"),
    verified: await sumOf(run, "CredentialVerified"),
  };

  // On the bus before the native event, which Secrets Manager sends right after the label has moved.
  run.events.once(
    "labelMoved",
    ({ at }) => void run.sendEvent(rotationSucceededEvent(run.place, store.secretArn, at)),
  );
  const { versionId, currentSince } = await store.rotate();
  const native = nativeEvent(store, versionId, currentSince);
  await Promise.all([run.sendEvent(native), run.sendEvent(native)]);
  await allHandled(store, 5, versionId);

  expect(await sumOf(run, "RotationNoticed")).toBe(before.noticed + 1);
  expect(await sumOf(run, "CredentialVerified")).toBe(before.verified + 1);
  const measured = (await readMeasured(run, store.secretArn)).filter(({ sk }) =>
    sk.startsWith(`${versionId}#`),
  );
  expect(measured.map(({ sk }) => sk.split("#")[2]).toSorted()).toEqual([
    "AdoptionChecked",
    "CredentialVerified",
    "RotationNoticed",
    "RotationSeenAgain",
  ]);
  expect(await readVersion(run, store.secretArn, versionId)).toMatchObject({
    verdict: "accepted",
    noticedAt: expect.any(String),
  });
  // Two events that are handled at the same time may each send the notice; it names the same version.
  expect(new Set(noticesOf(store))).toEqual(new Set([store.firstVersionId, versionId]));
  expect((await retainedNotice(store.secretArn)).notice.versionId).toBe(versionId);
});

test("an event that comes after its version was noticed sends no second notice", async () => {
  const store = await createTestStore(run);
  const { versionId } = await store.rotate();
  await allHandled(store, 2, versionId);
  const sent = noticesOf(store).length;
  await run.sendEvent(rotationSucceededEvent(run.place, store.secretArn, new Date()));
  await allHandled(store, 3, versionId);
  expect(noticesOf(store)).toHaveLength(sent);
  expect(run.seen.logsOf("notify", { secretArn: store.secretArn }).at(-1)?.outcome).toBe("already-noticed");
  expect(run.seen.logsOf("verify", { secretArn: store.secretArn }).at(-1)?.outcome).toBe("already-decided");
});

test("a version that is superseded before its event is read is dropped by every handler", async () => {
  const store = await createTestStore(run);
  const { clients } = run;
  const versionId = randomUUID();
  const label = { SecretId: store.secretArn, VersionStage: "AWSPREVIOUS", MoveToVersionId: versionId };
  await clients.secrets.send(
    new PutSecretValueCommand({
      SecretId: store.secretArn,
      ClientRequestToken: versionId,
      SecretString: "{}",
      VersionStages: ["AWSPENDING"],
    }),
  );
  const { versionId: newer } = await store.rotate();
  await allHandled(store, 2, newer);
  // The labels are now as if the version had been current for a moment, with its event still under way.
  await clients.secrets.send(
    new UpdateSecretVersionStageCommand({ ...label, RemoveFromVersionId: store.firstVersionId }),
  );
  await run.sendEvent(nativeEvent(store, versionId, new Date()));
  await allHandled(store, 3, newer);

  for (const name of ["notify", "verify", "redeploy"]) {
    expect(run.seen.logsOf(name, { versionId }).map(({ outcome }) => outcome)).toEqual(["superseded"]);
  }
  expect(noticesOf(store)).not.toContain(versionId);
  expect(run.seen.domainEvents(versionId)).toEqual([]);
  expect((await readLedger(run, store.secretArn)).filter(({ sk }) => sk.includes(versionId))).toEqual([]);
});

test("a password that the database does not accept is rejected, and sets off the alarm", async () => {
  const store = await createTestStore(run);
  const { versionId } = await store.rotate("password-never-set");
  await eventually(async () =>
    expect(await readVersion(run, store.secretArn, versionId)).toMatchObject({ verdict: "rejected" }),
  );
  await eventually(async () => expect(await alarmState(run, "credential-rejected")).toBe("ALARM"));
  const rejected = run.seen.domainEvents(versionId).find(({ type }) => type === "CredentialRejected");
  expect(rejected?.detail).toMatchObject({ secretArn: store.secretArn, code: "28P01" });
});

test("no function fails on a good rotation, and nothing that leaves the pipeline holds the password", async () => {
  const store = await createTestStore(run);
  const { versionId } = await store.rotate();
  await allHandled(store, 2, versionId);
  const lines = FUNCTIONS.flatMap((name) => run.seen.logsOf(name, { secretArn: store.secretArn }));
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.filter(({ level }) => level !== "INFO")).toEqual([]);

  const value = await run.clients.secrets.send(new GetSecretValueCommand({ SecretId: store.secretArn }));
  const { password } = JSON.parse(value.SecretString ?? "{}");
  expect(password).toEqual(expect.any(String));
  expect(run.seen.texts.filter((text) => text.includes(password))).toEqual([]);
});
