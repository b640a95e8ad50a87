import { RunTaskCommand } from "@aws-sdk/client-ecs";
import { GetSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rotationSucceededEvent } from "../../../local/aws/secrets/secret-events.ts";
import { CLUSTER } from "../../../local/demo/services.ts";
import { asSuperuser } from "../../../local/sample-store.ts";
import type { DomainEventType } from "../../../shared/contract/domain-event.ts";
import { topicKey } from "../../../shared/contract/topics.ts";
import { eventually, startTestRun, type TestRun } from "./local-run.ts";
import { alarmState, sumOf } from "./operator-view.ts";
import { startTestService } from "./service.ts";
import { batchOf } from "./sqs-event.ts";
import { createTestStore } from "./store.ts";

let run: TestRun;
beforeAll(async () => {
  run = await startTestRun();
});
afterAll(() => run?.stop());

const told = <T extends DomainEventType>(versionId: string, type: T) =>
  run.seen.domainEvents(versionId).filter((event) => event.type === type);

test("a service that says by its tag alone which secret it uses is redeployed", async () => {
  const store = await createTestStore(run);
  const tagged = { tags: [{ key: "keyturn:secrets", value: `payments/api ${store.secretName}` }] };
  const service = await startTestService(run, store, { container: { secrets: [] }, service: tagged });
  const before = await service.taskArns();
  await store.rotate("alternating-users");
  await eventually(async () => {
    const after = await service.taskArns();
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
  });
});

test("a service that nothing shows to use the secret is redeployed because its task reported", async () => {
  const store = await createTestStore(run);
  const service = await startTestService(run, store, { container: { secrets: [] } });
  const [instanceId = ""] = await service.taskArns();
  await report(store.secretArn, store.firstVersionId, instanceId);
  await store.rotate("alternating-users");
  await eventually(async () => expect(await service.taskArns()).not.toContain(instanceId));
});

test("the end of a deployment that was forced is told, with its id", async () => {
  const store = await createTestStore(run);
  const service = await startTestService(run, store);
  const { versionId } = await store.rotate("alternating-users");
  await eventually(() => expect(told(versionId, "RedeployCompleted")).toHaveLength(1));
  const [deployment] = await service.deployments();
  expect(told(versionId, "ServiceRedeployed")).toMatchObject([{ detail: { deploymentId: deployment?.id } }]);
  expect(told(versionId, "RedeployCompleted")).toMatchObject([{ detail: { deploymentId: deployment?.id } }]);
  await eventually(async () => expect(await sumOf(run, "RedeployCompleted")).toBeGreaterThan(0));
});

test("a deployment that the circuit breaker stops is told, and raises an alarm", async () => {
  const store = await createTestStore(run);
  const breaker = { deploymentCircuitBreaker: { enable: true, rollback: true } };
  await startTestService(run, store, {
    // It does not come up with the second user.
    container: {
      command: ["sh", "-c", 'echo "$DB_USER"; case "$DB_USER" in *_clone) exit 1;; esac; exec sleep 600'],
      healthCheck: { command: ["CMD-SHELL", 'case "$DB_USER" in *_clone) exit 1;; esac'] },
    },
    service: { deploymentConfiguration: breaker },
  });
  const { versionId } = await store.rotate("alternating-users");
  await eventually(() =>
    expect(told(versionId, "RedeployFailed")).toMatchObject([
      { detail: { reason: expect.stringContaining("circuit breaker") } },
    ]),
  );
  await eventually(async () => expect(await alarmState(run, "redeploy-failed")).toBe("ALARM"));
  expect(told(versionId, "RedeployCompleted")).toEqual([]);
});

test("one deployment brings both secrets of a service that were rotated at the same time", async () => {
  const stores = [await createTestStore(run), await createTestStore(run)] as const;
  const secretArns = stores.map(({ secretArn }) => secretArn);
  const secrets = secretArns.map((arn, index) => ({
    name: index === 0 ? "DB_USER" : "OTHER_USER",
    valueFrom: `${arn}:username::`,
  }));
  const service = await startTestService(run, stores[0], { container: { secrets }, secretArns });
  const [first] = await service.deployments();
  const rotated = await Promise.all(stores.map((store) => store.rotate("alternating-users")));
  const ids = rotated.map(({ versionId }) => versionId);

  // The check of the second comes back and finds that the first one's deployment has served it, or is about to.
  await eventually(() => {
    for (const id of ids) {
      const isServed = told(id, "RedeployCompleted").length > 0;
      const [last] = told(id, "AdoptionChecked").slice(-1);
      if (!isServed) expect(last).toMatchObject({ detail: { adopted: 1, stale: 0 } });
    }
  });
  await service.steady();
  const [second] = await service.deployments();
  expect(second?.id).not.toBe(first?.id);
  expect(ids.flatMap((id) => told(id, "ServiceRedeployed"))).toMatchObject([
    { detail: { deploymentId: second?.id } },
  ]);
  expect(service.startedAs()).toHaveLength(2);
});

test("a service that pins its version is left alone, and raises an alarm of its own", async () => {
  const store = await createTestStore(run);
  const valueFrom = `${store.secretArn}:username::${store.firstVersionId}`;
  const service = await startTestService(run, store, {
    container: { secrets: [{ name: "DB_USER", valueFrom }] },
  });
  const before = await service.taskArns();
  const { versionId } = await store.rotate("alternating-users");
  await eventually(() =>
    expect(told(versionId, "RedeployWithheld")).toMatchObject([{ detail: { reason: "secret-pinned" } }]),
  );
  await eventually(async () => expect(await alarmState(run, "secret-pinned")).toBe("ALARM"));
  expect(await service.taskArns()).toEqual(before);
});

test("a standalone task and a host that stay behind raise an alarm, since nothing can redeploy them", async () => {
  const store = await createTestStore(run);
  const service = await startTestService(run, { secretArn: store.secretArn }, { container: { secrets: [] } });
  const { tasks: [task] = [] } = await run.clients.ecs.send(
    new RunTaskCommand({ cluster: CLUSTER, taskDefinition: service.name }),
  );
  const instances = [task?.taskArn ?? "", "build-host:4711"];
  for (const instanceId of instances) await report(store.secretArn, store.firstVersionId, instanceId);
  const { versionId } = await store.rotate("alternating-users");
  await eventually(() =>
    expect(told(versionId, "StaleUnmanaged")).toMatchObject([
      { detail: { instances: 2, examples: instances } },
    ]),
  );
  await eventually(async () => expect(await alarmState(run, "stale-unmanaged")).toBe("ALARM"));
});

test("a standalone task that never reported is found by its task definition", async () => {
  const store = await createTestStore(run);
  const service = await startTestService(run, store);
  const { tasks: [task] = [] } = await run.clients.ecs.send(
    new RunTaskCommand({ cluster: CLUSTER, taskDefinition: service.name }),
  );
  const { versionId } = await store.rotate("alternating-users");
  await eventually(() =>
    expect(told(versionId, "StaleUnmanaged")).toMatchObject([
      { detail: { instances: 1, examples: [task?.taskArn] } },
    ]),
  );
});

test("a service that was left alone for a rejected credential is redeployed once the store takes it", async () => {
  const store = await createTestStore(run);
  const service = await startTestService(run, store);
  const { versionId } = await store.rotate("password-never-set");
  await eventually(() =>
    expect(told(versionId, "RedeployWithheld")).toMatchObject([
      { detail: { reason: "credential-rejected" } },
    ]),
  );
  await setPassword(store.secretArn);
  await run.sendEvent(rotationSucceededEvent(run.place, store.secretArn, new Date()));
  await eventually(() => expect(told(versionId, "ServiceRedeployed")).toHaveLength(1));
  await service.steady();
  expect(told(versionId, "CredentialVerified")).toMatchObject([{ detail: { previousVerdict: "rejected" } }]);
});

/** What the rotation left out: the store gets the password that the secret has. */
async function setPassword(SecretId: string): Promise<void> {
  const { SecretString = "{}" } = await run.clients.secrets.send(new GetSecretValueCommand({ SecretId }));
  const { username, password } = JSON.parse(SecretString) as { username: string; password: string };
  await asSuperuser(run.postgres, run.postgres.superuser, async (client) => {
    await client.query(`alter role ${username} login password '${password}'`);
  });
}

/** What an instance says when it begins to run on a version. */
async function report(secretArn: string, versionId: string, instanceId: string): Promise<void> {
  const occurredAt = new Date().toISOString();
  const what = { outcome: "swapped", trigger: "start", occurredAt, timings: {}, service: "reader" };
  const body = { v: 1, secretArn, versionId, instanceId, ...what, topicKey: topicKey(secretArn) };
  expect(await run.invoke("acknowledge", batchOf(run, "acknowledge", [body]))).toEqual({
    batchItemFailures: [],
  });
}
