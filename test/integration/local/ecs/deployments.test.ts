import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isRunning, type Shop, startShop } from "./ecs-fixture.ts";

let shop: Shop;

beforeEach(async () => {
  shop = await startShop();
});
afterEach(() => shop.close());

test("a forced deployment starts the new, waits for their health, then stops the old", async () => {
  await shop.create(await shop.register("v1"), 2);
  const before = await shop.stable();
  const old = (await shop.tasks()).map(({ taskArn }) => taskArn);
  const fewest = { targets: 2 };
  const watch = setInterval(() => {
    fewest.targets = Math.min(fewest.targets, shop.ecs.targets("shop", "web").length);
  }, 5);

  await shop.update({ forceNewDeployment: true });
  const during = await shop.describe();
  expect(during.deployments?.map(({ status, rolloutState }) => [status, rolloutState])).toEqual([
    ["PRIMARY", "IN_PROGRESS"],
    ["ACTIVE", "COMPLETED"],
  ]);
  const after = await shop.stable();
  clearInterval(watch);

  expect(after.deployments?.[0]?.id).not.toBe(before.deployments?.[0]?.id);
  expect(after.taskDefinition).toBe(before.taskDefinition);
  expect((await shop.tasks()).map(({ taskArn }) => taskArn)).not.toEqual(expect.arrayContaining(old));
  expect(fewest.targets).toBe(2);
  const happened = (await shop.journalLines()).map((line) => line.split(" ")[0]);
  expect(happened.slice(0, 3)).toEqual(["up", "up", "up"]);
  expect(happened.filter((what) => what === "up")).toHaveLength(4);
  expect(happened.filter((what) => what === "down")).toHaveLength(2);
  const stopped = await shop.tasks("STOPPED");
  expect(stopped.map(({ taskArn }) => taskArn)).toEqual(old);
  for (const task of stopped) {
    expect(task).toMatchObject({
      lastStatus: "STOPPED",
      stopCode: "ServiceSchedulerInitiated",
      stoppedReason: `Scaling activity initiated by (deployment ${after.deployments?.[0]?.id})`,
      containers: [{ exitCode: 0, networkBindings: [] }],
    });
    expect(task.stoppedAt?.getTime()).toBeGreaterThan(task.startedAt?.getTime() ?? Number.POSITIVE_INFINITY);
  }
});

test("a new task definition is rolled out; a new desired count alone is no deployment", async () => {
  await shop.create(await shop.register("v1"), 1);
  const before = await shop.stable();
  await shop.update({ desiredCount: 2 });
  const scaled = await vi.waitFor(async () => {
    const service = await shop.describe();
    expect(service.runningCount).toBe(2);
    return service;
  });
  expect(scaled.deployments?.map(({ id }) => id)).toEqual(before.deployments?.map(({ id }) => id));

  const second = await shop.register("v2");
  await shop.update({ taskDefinition: "web" });
  expect((await shop.stable()).taskDefinition).toBe(second);
  for (const { port } of shop.ecs.targets("shop", "web")) {
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).json()).toMatchObject({ VERSION: "v2" });
  }
});

test("a deployment whose tasks never become healthy leaves the old ones serving, and the circuit breaker ends it", async () => {
  await shop.create(await shop.register("v1"), 1, {
    deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: false } },
  });
  await shop.stable();
  const old = shop.ecs.targets("shop", "web");
  await shop.update({
    taskDefinition: await shop.register("bad", { command: ["node", "-e", "process.exit(1)"] }),
  });
  const failed = await vi.waitFor(
    async () => {
      const service = await shop.describe();
      expect(service.deployments?.[0]?.rolloutState).toBe("FAILED");
      return service;
    },
    { timeout: 20_000 },
  );
  expect(failed.deployments?.map(({ status, failedTasks }) => [status, failedTasks])).toEqual([
    ["PRIMARY", 3],
    ["ACTIVE", 0],
  ]);
  expect(shop.ecs.targets("shop", "web")).toEqual(old);
  expect((await shop.tasks("STOPPED"))[0]).toMatchObject({
    stopCode: "EssentialContainerExited",
    stoppedReason: "Essential container in task exited",
    containers: [{ exitCode: 1 }],
  });
});

test("stops in the middle of a deployment, and leaves no process", async () => {
  await shop.create(await shop.register("v1"), 2);
  await shop.stable();
  await shop.update({ taskDefinition: await shop.register("sick", {}, { IS_SICK: "yes" }) });
  await vi.waitFor(async () =>
    expect((await shop.journalLines()).filter((line) => line.startsWith("up"))).toHaveLength(4),
  );
  const pids = (await shop.journalLines()).map((line) => Number(line.split(" ")[2]));
  expect(pids.every(isRunning)).toBe(true);
  await Promise.all([shop.ecs.stop(), shop.ecs.stop()]);
  expect(pids.filter(isRunning)).toEqual([]);
  expect(shop.ecs.targets("shop", "web")).toEqual([]);
});
