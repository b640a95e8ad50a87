import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DescribeTasksCommand, RunTaskCommand, StopTaskCommand } from "@aws-sdk/client-ecs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isRunning, type Shop, startShop } from "./ecs-fixture.ts";

let shop: Shop;

beforeEach(async () => {
  shop = await startShop();
});
afterEach(() => shop.close());

test("gives a task its environment, its secrets and its metadata, and nothing of the machine's", async () => {
  const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders-AbCdEf";
  shop.secrets.set(secretArn, "whole").set(`${secretArn}:password::`, "one key");
  await shop.create(
    await shop.register("v1", {
      secrets: [
        { name: "WHOLE", valueFrom: secretArn },
        { name: "KEY", valueFrom: `${secretArn}:password::` },
      ],
    }),
    1,
  );
  await shop.stable();
  const [target] = shop.ecs.targets("shop", "web");
  const env = (await (await fetch(`http://127.0.0.1:${target?.port}/`)).json()) as Record<string, string>;
  const id = target?.taskArn.split("/").at(-1) ?? "";
  expect(env).toMatchObject({
    WHOLE: "whole",
    KEY: "one key",
    VERSION: "v1",
    AWS_ACCESS_KEY_ID: "AKIAFAKEweb",
    PORT: String(target?.port),
    ECS_CONTAINER_METADATA_URI_V4: `http://127.0.0.1:1/v4/${id}`,
  });
  expect(env).not.toHaveProperty("HOME");
  expect(shop.log).toContain(`web: listening on ${target?.port}`);
  expect(shop.ecs.taskMetadata(id)).toMatchObject({
    Cluster: "arn:aws:ecs:us-east-1:000000000000:cluster/shop",
    TaskARN: target?.taskArn,
    Family: "web",
    Revision: "1",
    ServiceName: "web",
    KnownStatus: "RUNNING",
    Containers: [{ Name: "web", Health: { status: "HEALTHY" } }],
  });
  expect(shop.ecs.taskMetadata("unknown")).toBeUndefined();
});

test("replaces a task that is killed", async () => {
  await shop.create(await shop.register("v1"), 1);
  await shop.stable();
  const [before] = shop.ecs.targets("shop", "web");
  const pid = Number((await shop.journalLines())[0]?.split(" ")[2]);
  process.kill(pid, "SIGKILL");
  await vi.waitFor(() => {
    const [now] = shop.ecs.targets("shop", "web");
    expect(now).toBeDefined();
    expect(now).not.toEqual(before);
  }, 10_000);
  expect((await shop.tasks("STOPPED"))[0]).toMatchObject({
    stopCode: "EssentialContainerExited",
    containers: [{ exitCode: 137 }],
  });
});

test("replaces a task that turns unhealthy", async () => {
  await writeFile(join(shop.folder, "ok"), "");
  const healthCheck = {
    command: ["CMD-SHELL", 'test -e ok || test "$PORT" != "$(cat sick)"'],
    interval: 5,
    retries: 1,
  };
  await shop.create(await shop.register("v1", { healthCheck }), 1);
  await shop.stable();
  const [before] = shop.ecs.targets("shop", "web");
  await writeFile(join(shop.folder, "sick"), String(before?.port));
  await rm(join(shop.folder, "ok"));
  await vi.waitFor(() => {
    const [now] = shop.ecs.targets("shop", "web");
    expect(now).toBeDefined();
    expect(now).not.toEqual(before);
  }, 15_000);
  expect((await shop.tasks("STOPPED"))[0]).toMatchObject({
    healthStatus: "UNHEALTHY",
    stoppedReason: "Task failed container health checks",
  });
});

test("a task whose secret cannot be read stops before it starts, and says why", async () => {
  const valueFrom = "arn:aws:secretsmanager:us-east-1:000000000000:secret:missing-AbCdEf";
  await shop.create(await shop.register("v1", { secrets: [{ name: "PASSWORD", valueFrom }] }), 1);
  const [task] = await vi.waitFor(async () => {
    const stopped = await shop.tasks("STOPPED");
    expect(stopped.length).toBeGreaterThan(0);
    return stopped;
  });
  expect(task?.stopCode).toBe("TaskFailedToStart");
  expect(task?.stoppedReason).toMatch(
    /^ResourceInitializationError: unable to pull secrets.*missing-AbCdEf.*ResourceNotFoundException: no such secret$/,
  );
  expect(await shop.journalLines()).toEqual([]);
});

test("kills a task that does not heed SIGTERM after its stopTimeout, with all that it started", async () => {
  const command = ["/bin/sh", "-c", "sleep 1000 & echo sleep $! >> $JOURNAL; exec node web.mjs"];
  await shop.create(await shop.register("deaf", { command, stopTimeout: 1 }, { IS_DEAF: "yes" }), 1);
  await shop.stable();
  await shop.update({ desiredCount: 0 });
  await vi.waitFor(async () => expect((await shop.tasks("STOPPED"))[0]?.lastStatus).toBe("STOPPED"), 10_000);
  expect((await shop.tasks("STOPPED"))[0]?.containers?.[0]?.exitCode).toBe(137);
  const sleeper = Number((await shop.journalLines()).find((line) => line.startsWith("sleep"))?.split(" ")[1]);
  await vi.waitFor(() => expect(isRunning(sleeper)).toBe(false));
});

test("runs a task of its own, and stops it on demand", async () => {
  const taskDefinition = await shop.register("once");
  const { tasks: [started] = [] } = await shop.client.send(
    new RunTaskCommand({ cluster: "shop", taskDefinition, startedBy: "me" }),
  );
  const read = async () =>
    (await shop.client.send(new DescribeTasksCommand({ cluster: "shop", tasks: [started?.taskArn ?? ""] })))
      .tasks?.[0];
  await vi.waitFor(async () => expect((await read())?.lastStatus).toBe("RUNNING"));
  expect(await read()).toMatchObject({ group: "family:web", startedBy: "me" });
  await shop.client.send(new StopTaskCommand({ cluster: "shop", task: started?.taskArn, reason: "enough" }));
  await vi.waitFor(async () =>
    expect(await read()).toMatchObject({
      lastStatus: "STOPPED",
      stoppedReason: "enough",
      stopCode: "UserInitiated",
    }),
  );
});
