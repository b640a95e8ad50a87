import { afterAll, beforeAll, expect, test } from "vitest";
import { rotationSucceededEvent } from "../../../local/aws/secrets/secret-events.ts";
import { eventually, startTestRun, type TestRun } from "./local-run.ts";
import { readLedger, readVersion } from "./operator-view.ts";
import { startTestService, type TestService } from "./service.ts";
import { createTestStore } from "./store.ts";

let run: TestRun;
beforeAll(async () => {
  run = await startTestRun();
});
afterAll(() => run?.stop());

/** What the deadline checks of a version did, in their order. */
const checksOf = (versionId: string) =>
  run.seen
    .domainEvents(versionId)
    .filter(({ type }) => ["AdoptionChecked", "ServiceRedeployed", "RedeployWithheld"].includes(type));

/** What a service is, to tell later whether anything was done to it. */
const stateOf = async (service: TestService) => ({
  tasks: await service.taskArns(),
  deployments: (await service.deployments()).map(({ id }) => id),
});

test("past the deadline, services whose tasks are behind get new tasks with the new credential", async () => {
  const store = await createTestStore(run);
  const services = [await startTestService(run, store), await startTestService(run, store)];
  const before = await Promise.all(services.map(stateOf));
  const { versionId } = await store.rotate("alternating-users");

  for (const [index, service] of services.entries()) {
    await eventually(() => expect(service.startedAs()).toEqual([store.users[0], store.users[1]]));
    await service.steady();
    const after = await stateOf(service);
    expect(after.tasks).toHaveLength(1);
    expect(after.tasks).not.toEqual(before[index]?.tasks);
    expect(after.deployments).not.toEqual(before[index]?.deployments);
  }
  expect(await readVersion(run, store.secretArn, versionId)).toMatchObject({ verdict: "accepted" });
  const redeployed = checksOf(versionId).flatMap(({ type, detail }) =>
    type === "ServiceRedeployed" ? [[detail.serviceArn.split("/").at(-1), detail.staleTasks]] : [],
  );
  expect(redeployed.toSorted()).toEqual(services.map(({ name }) => [name, 1]).toSorted());
});

test("a second event of the same version does not redeploy a second time", async () => {
  const store = await createTestStore(run);
  const service = await startTestService(run, store);
  const { versionId } = await store.rotate("alternating-users");
  await eventually(() => expect(checksOf(versionId).map(({ type }) => type)).toContain("ServiceRedeployed"));
  await service.steady();
  const after = await stateOf(service);

  await run.sendEvent(rotationSucceededEvent(run.place, store.secretArn, new Date()));
  await eventually(() => expect(checksOf(versionId)).toHaveLength(3));
  expect(checksOf(versionId).at(-1)).toMatchObject({
    type: "AdoptionChecked",
    detail: { adopted: 1, stale: 0 },
  });
  expect(await stateOf(service)).toEqual(after);
});

test("a rejected credential leaves stale services as they are, and says so on the bus", async () => {
  const store = await createTestStore(run);
  const service = await startTestService(run, store);
  const before = await stateOf(service);
  const { versionId } = await store.rotate("password-never-set");

  await eventually(() =>
    expect(checksOf(versionId)).toMatchObject([
      { type: "AdoptionChecked", detail: { adopted: 0, stale: 1 } },
      { type: "RedeployWithheld", detail: { staleTasks: 1, reason: "credential-rejected" } },
    ]),
  );
  expect(await stateOf(service)).toEqual(before);
  expect(service.startedAs()).toEqual([store.users[0]]);
});

test("a service whose tasks all started after the rotation is left alone, beside one that is behind", async () => {
  const store = await createTestStore(run);
  const behind = await startTestService(run, store);
  const { versionId } = await store.rotate("alternating-users");
  const fresh = await startTestService(run, store);
  const before = await stateOf(fresh);

  await eventually(() => expect(checksOf(versionId).map(({ type }) => type)).toContain("ServiceRedeployed"));
  await behind.steady();
  await run.sendEvent(rotationSucceededEvent(run.place, store.secretArn, new Date()));
  await eventually(() =>
    expect(checksOf(versionId).at(-1)).toMatchObject({ detail: { adopted: 2, stale: 0 } }),
  );

  expect(fresh.startedAs()).toEqual([store.users[1]]);
  expect(await stateOf(fresh)).toEqual(before);
  const decisions = (await readLedger(run, store.secretArn)).filter(({ sk }) => sk.startsWith("DECISION#"));
  expect(decisions.map(({ sk }) => sk)).toEqual([expect.stringContaining(behind.name)]);
});
