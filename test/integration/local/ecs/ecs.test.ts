import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ContainerDefinition,
  CreateClusterCommand,
  CreateServiceCommand,
  DeleteServiceCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ListServicesCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  type Service,
  StopTaskCommand,
  type Task,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createEcs, type Ecs } from "../../../../local/aws/ecs/ecs.ts";
import { serveAwsJson } from "./serve-aws-json.ts";

/** Serves its own environment over HTTP, and writes down when it started and ended. */
const WEB = `
import { createServer } from "node:http";
import { appendFileSync } from "node:fs";
const note = (what) => appendFileSync(process.env.JOURNAL, what + " " + process.env.VERSION + " " + process.pid + "\\n");
const server = createServer((req, res) => {
  if (req.url === "/health") res.writeHead(process.env.IS_SICK ? 503 : 200).end();
  else if (req.url === "/crash") process.exit(3);
  else res.end(JSON.stringify(process.env));
});
server.listen(Number(process.env.PORT), "127.0.0.1", () => { note("up"); console.log("listening on " + process.env.PORT); });
process.on("SIGTERM", () => { if (process.env.IS_DEAF) return; note("down"); server.close(() => process.exit(0)); server.closeAllConnections(); });
`;
const CHECK = `fetch("http://127.0.0.1:" + process.env.PORT + "/health").then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1));`;

let folder: string;
let ecs: Ecs;
let client: ECSClient;
let close: () => Promise<void>;
let log: string[];
const secrets = new Map<string, string>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyturn-ecs-"));
  await writeFile(join(folder, "web.mjs"), WEB);
  await writeFile(join(folder, "check.mjs"), CHECK);
  await writeFile(journal(), "");
  log = [];
  secrets.clear();
  ecs = createEcs({
    place: { accountId: "000000000000", region: "us-east-1" },
    now: Date.now,
    async resolveSecretValueFrom(valueFrom) {
      const value = secrets.get(valueFrom);
      if (value === undefined)
        throw Object.assign(new Error("no such secret"), { name: "ResourceNotFoundException" });
      return value;
    },
    taskEnvironment: (task) => ({ AWS_ACCESS_KEY_ID: `AKIAFAKE${task.serviceName ?? "none"}` }),
    taskMetadataUri: (id) => `http://127.0.0.1:1/v4/${id}`,
    onTaskLog: (task, line) => log.push(`${task.serviceName}: ${line}`),
    log: () => {},
    projectRoot: folder,
    deregistrationDelayMs: 20,
  });
  const server = await serveAwsJson(ecs.service);
  close = server.close;
  client = new ECSClient({
    endpoint: server.url,
    region: "us-east-1",
    credentials: { accessKeyId: "AKIAFAKEFAKE", secretAccessKey: "fake-secret" },
    maxAttempts: 1,
  });
  await client.send(new CreateClusterCommand({ clusterName: "shop" }));
});
afterEach(async () => {
  await ecs.stop();
  client.destroy();
  await close();
  await rm(folder, { recursive: true, force: true });
});

const journal = () => join(folder, "journal");
/** `up VERSION PID`, `down VERSION PID` in the order in which they happened. */
const journalLines = async () => (await readFile(journal(), "utf8")).split("\n").filter(Boolean);
/** A process that has ended may wait for its parent to ask for its exit code: a zombie does not run. */
const isRunning = (pid: number) => {
  try {
    process.kill(pid, 0);
    return !existsSync("/proc/self/stat") || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

async function register(
  version: string,
  container: Partial<ContainerDefinition> = {},
  env: Record<string, string> = {},
) {
  const { taskDefinition } = await client.send(
    new RegisterTaskDefinitionCommand({
      family: "web",
      executionRoleArn: "arn:aws:iam::000000000000:role/execution",
      cpu: "256",
      memory: "512",
      containerDefinitions: [
        {
          name: "web",
          image: "web:local",
          command: ["node", "web.mjs"],
          environment: Object.entries({ VERSION: version, JOURNAL: journal(), ...env }).map(
            ([name, value]) => ({ name, value }),
          ),
          healthCheck: { command: ["CMD", "node", "check.mjs"], interval: 5, retries: 1, startPeriod: 10 },
          portMappings: [{ containerPort: 8080 }],
          ...container,
        },
      ],
    }),
  );
  return taskDefinition?.taskDefinitionArn ?? "";
}

const create = (taskDefinition: string, desiredCount: number, rest: object = {}) =>
  client.send(
    new CreateServiceCommand({ cluster: "shop", serviceName: "web", taskDefinition, desiredCount, ...rest }),
  );
const update = (change: object) =>
  client.send(new UpdateServiceCommand({ cluster: "shop", service: "web", ...change }));

async function describe(): Promise<Service> {
  const { services } = await client.send(new DescribeServicesCommand({ cluster: "shop", services: ["web"] }));
  return services?.[0] ?? {};
}

/** What `aws ecs wait services-stable` waits for, and the rollout besides. */
async function stable(): Promise<Service> {
  return vi.waitFor(
    async () => {
      const service = await describe();
      expect(service.deployments?.map(({ rolloutState }) => rolloutState)).toEqual(["COMPLETED"]);
      expect(service.runningCount).toBe(service.desiredCount);
      return service;
    },
    { timeout: 30_000, interval: 50 },
  );
}

async function tasks(desiredStatus: "RUNNING" | "STOPPED" = "RUNNING"): Promise<Task[]> {
  const { taskArns = [] } = await client.send(
    new ListTasksCommand({ cluster: "shop", serviceName: "web", desiredStatus }),
  );
  if (taskArns.length === 0) return [];
  return (await client.send(new DescribeTasksCommand({ cluster: "shop", tasks: taskArns }))).tasks ?? [];
}

test("starts the desired number of tasks, and tells of them as ECS does", async () => {
  const arn = await register("v1");
  await create(arn, 2);
  const service = await stable();
  expect(service).toMatchObject({
    serviceArn: "arn:aws:ecs:us-east-1:000000000000:service/shop/web",
    status: "ACTIVE",
    taskDefinition: arn,
    runningCount: 2,
    pendingCount: 0,
  });
  const [deployment] = service.deployments ?? [];
  expect(deployment).toMatchObject({ status: "PRIMARY", desiredCount: 2, runningCount: 2, failedTasks: 0 });
  expect(deployment?.id).toMatch(/^ecs-svc\/\d{19}$/);
  expect(deployment?.createdAt).toBeInstanceOf(Date);

  const running = await tasks();
  expect(running).toHaveLength(2);
  for (const task of running) {
    expect(task).toMatchObject({
      taskArn: expect.stringMatching(/^arn:aws:ecs:us-east-1:000000000000:task\/shop\/[0-9a-f]{32}$/),
      clusterArn: "arn:aws:ecs:us-east-1:000000000000:cluster/shop",
      taskDefinitionArn: arn,
      group: "service:web",
      startedBy: deployment?.id,
      lastStatus: "RUNNING",
      desiredStatus: "RUNNING",
      healthStatus: "HEALTHY",
    });
    const binding = task.containers?.[0]?.networkBindings?.[0];
    expect(binding).toMatchObject({ bindIP: "127.0.0.1", containerPort: 8080 });
    expect(ecs.targets("shop", "web")).toContainEqual({ taskArn: task.taskArn, port: binding?.hostPort });
  }
});

test("gives a task its environment, its secrets and its metadata, and nothing of the machine's", async () => {
  const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders-AbCdEf";
  secrets.set(secretArn, "whole").set(`${secretArn}:password::`, "one key");
  await create(
    await register("v1", {
      secrets: [
        { name: "WHOLE", valueFrom: secretArn },
        { name: "KEY", valueFrom: `${secretArn}:password::` },
      ],
    }),
    1,
  );
  await stable();
  const [target] = ecs.targets("shop", "web");
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
  expect(log).toContain(`web: listening on ${target?.port}`);
  expect(ecs.taskMetadata(id)).toMatchObject({
    Cluster: "arn:aws:ecs:us-east-1:000000000000:cluster/shop",
    TaskARN: target?.taskArn,
    Family: "web",
    Revision: "1",
    ServiceName: "web",
    KnownStatus: "RUNNING",
    Containers: [{ Name: "web", Health: { status: "HEALTHY" } }],
  });
  expect(ecs.taskMetadata("unknown")).toBeUndefined();
});

test("a forced deployment starts the new, waits for their health, then stops the old", async () => {
  await create(await register("v1"), 2);
  const before = await stable();
  const old = (await tasks()).map(({ taskArn }) => taskArn);
  const fewest = { targets: 2 };
  const watch = setInterval(() => {
    fewest.targets = Math.min(fewest.targets, ecs.targets("shop", "web").length);
  }, 5);

  await update({ forceNewDeployment: true });
  const during = await describe();
  expect(during.deployments?.map(({ status, rolloutState }) => [status, rolloutState])).toEqual([
    ["PRIMARY", "IN_PROGRESS"],
    ["ACTIVE", "COMPLETED"],
  ]);
  const after = await stable();
  clearInterval(watch);

  expect(after.deployments?.[0]?.id).not.toBe(before.deployments?.[0]?.id);
  expect(after.taskDefinition).toBe(before.taskDefinition);
  expect((await tasks()).map(({ taskArn }) => taskArn)).not.toEqual(expect.arrayContaining(old));
  expect(fewest.targets).toBe(2);
  const happened = (await journalLines()).map((line) => line.split(" ")[0]);
  expect(happened.slice(0, 3)).toEqual(["up", "up", "up"]);
  expect(happened.filter((what) => what === "up")).toHaveLength(4);
  expect(happened.filter((what) => what === "down")).toHaveLength(2);
  const stopped = await tasks("STOPPED");
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
  await create(await register("v1"), 1);
  const before = await stable();
  await update({ desiredCount: 2 });
  const scaled = await vi.waitFor(async () => {
    const service = await describe();
    expect(service.runningCount).toBe(2);
    return service;
  });
  expect(scaled.deployments?.map(({ id }) => id)).toEqual(before.deployments?.map(({ id }) => id));

  const second = await register("v2");
  await update({ taskDefinition: "web" });
  expect((await stable()).taskDefinition).toBe(second);
  for (const { port } of ecs.targets("shop", "web")) {
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).json()).toMatchObject({ VERSION: "v2" });
  }
});

test("a deployment whose tasks never become healthy leaves the old ones serving, and the circuit breaker ends it", async () => {
  await create(await register("v1"), 1, {
    deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: false } },
  });
  await stable();
  const old = ecs.targets("shop", "web");
  await update({ taskDefinition: await register("bad", { command: ["node", "-e", "process.exit(1)"] }) });
  const failed = await vi.waitFor(
    async () => {
      const service = await describe();
      expect(service.deployments?.[0]?.rolloutState).toBe("FAILED");
      return service;
    },
    { timeout: 20_000 },
  );
  expect(failed.deployments?.map(({ status, failedTasks }) => [status, failedTasks])).toEqual([
    ["PRIMARY", 3],
    ["ACTIVE", 0],
  ]);
  expect(ecs.targets("shop", "web")).toEqual(old);
  expect((await tasks("STOPPED"))[0]).toMatchObject({
    stopCode: "EssentialContainerExited",
    stoppedReason: "Essential container in task exited",
    containers: [{ exitCode: 1 }],
  });
});

test("replaces a task that is killed", async () => {
  await create(await register("v1"), 1);
  await stable();
  const [before] = ecs.targets("shop", "web");
  const pid = Number((await journalLines())[0]?.split(" ")[2]);
  process.kill(pid, "SIGKILL");
  await vi.waitFor(() => {
    const [now] = ecs.targets("shop", "web");
    expect(now).toBeDefined();
    expect(now).not.toEqual(before);
  }, 10_000);
  expect((await tasks("STOPPED"))[0]).toMatchObject({
    stopCode: "EssentialContainerExited",
    containers: [{ exitCode: 137 }],
  });
});

test("replaces a task that turns unhealthy", async () => {
  await writeFile(join(folder, "ok"), "");
  const healthCheck = {
    command: ["CMD-SHELL", 'test -e ok || test "$PORT" != "$(cat sick)"'],
    interval: 5,
    retries: 1,
  };
  await create(await register("v1", { healthCheck }), 1);
  await stable();
  const [before] = ecs.targets("shop", "web");
  await writeFile(join(folder, "sick"), String(before?.port));
  await rm(join(folder, "ok"));
  await vi.waitFor(() => {
    const [now] = ecs.targets("shop", "web");
    expect(now).toBeDefined();
    expect(now).not.toEqual(before);
  }, 15_000);
  expect((await tasks("STOPPED"))[0]).toMatchObject({
    healthStatus: "UNHEALTHY",
    stoppedReason: "Task failed container health checks",
  });
});

test("a task whose secret cannot be read stops before it starts, and says why", async () => {
  const valueFrom = "arn:aws:secretsmanager:us-east-1:000000000000:secret:missing-AbCdEf";
  await create(await register("v1", { secrets: [{ name: "PASSWORD", valueFrom }] }), 1);
  const [task] = await vi.waitFor(async () => {
    const stopped = await tasks("STOPPED");
    expect(stopped.length).toBeGreaterThan(0);
    return stopped;
  });
  expect(task?.stopCode).toBe("TaskFailedToStart");
  expect(task?.stoppedReason).toMatch(
    /^ResourceInitializationError: unable to pull secrets.*missing-AbCdEf.*ResourceNotFoundException: no such secret$/,
  );
  expect(await journalLines()).toEqual([]);
});

test("kills a task that does not heed SIGTERM after its stopTimeout, with all that it started", async () => {
  const command = ["/bin/sh", "-c", "sleep 1000 & echo sleep $! >> $JOURNAL; exec node web.mjs"];
  await create(await register("deaf", { command, stopTimeout: 1 }, { IS_DEAF: "yes" }), 1);
  await stable();
  await update({ desiredCount: 0 });
  await vi.waitFor(async () => expect((await tasks("STOPPED"))[0]?.lastStatus).toBe("STOPPED"), 10_000);
  expect((await tasks("STOPPED"))[0]?.containers?.[0]?.exitCode).toBe(137);
  const sleeper = Number((await journalLines()).find((line) => line.startsWith("sleep"))?.split(" ")[1]);
  await vi.waitFor(() => expect(isRunning(sleeper)).toBe(false));
});

test("stops in the middle of a deployment, and leaves no process", async () => {
  await create(await register("v1"), 2);
  await stable();
  await update({ taskDefinition: await register("sick", {}, { IS_SICK: "yes" }) });
  await vi.waitFor(async () =>
    expect((await journalLines()).filter((line) => line.startsWith("up"))).toHaveLength(4),
  );
  const pids = (await journalLines()).map((line) => Number(line.split(" ")[2]));
  expect(pids.every(isRunning)).toBe(true);
  await Promise.all([ecs.stop(), ecs.stop()]);
  expect(pids.filter(isRunning)).toEqual([]);
  expect(ecs.targets("shop", "web")).toEqual([]);
});

test("runs a task of its own, and stops it on demand", async () => {
  const taskDefinition = await register("once");
  const { tasks: [started] = [] } = await client.send(
    new RunTaskCommand({ cluster: "shop", taskDefinition, startedBy: "me" }),
  );
  const read = async () =>
    (await client.send(new DescribeTasksCommand({ cluster: "shop", tasks: [started?.taskArn ?? ""] })))
      .tasks?.[0];
  await vi.waitFor(async () => expect((await read())?.lastStatus).toBe("RUNNING"));
  expect(await read()).toMatchObject({ group: "family:web", startedBy: "me" });
  await client.send(new StopTaskCommand({ cluster: "shop", task: started?.taskArn, reason: "enough" }));
  await vi.waitFor(async () =>
    expect(await read()).toMatchObject({
      lastStatus: "STOPPED",
      stoppedReason: "enough",
      stopCode: "UserInitiated",
    }),
  );
});

test("deletes a service with its tasks", async () => {
  await create(await register("v1"), 1);
  await stable();
  await expect(
    client.send(new DeleteServiceCommand({ cluster: "shop", service: "web" })),
  ).rejects.toMatchObject({
    name: "InvalidParameterException",
    message: "The service cannot be stopped while it is scaled above 0.",
  });
  await client.send(new DeleteServiceCommand({ cluster: "shop", service: "web", force: true }));
  await vi.waitFor(async () => expect((await describe()).status).toBe("INACTIVE"));
  expect((await client.send(new ListServicesCommand({ cluster: "shop" }))).serviceArns).toEqual([]);
  await expect(update({ desiredCount: 1 })).rejects.toMatchObject({ name: "ServiceNotActiveException" });
});

test("lists services page by page", async () => {
  const taskDefinition = await register("v1");
  const names = Array.from({ length: 12 }, (_, index) => `service-${index}`);
  for (const serviceName of names) await create(taskDefinition, 0, { serviceName });
  const first = await client.send(new ListServicesCommand({ cluster: "shop" }));
  expect(first.serviceArns).toHaveLength(10);
  const second = await client.send(new ListServicesCommand({ cluster: "shop", nextToken: first.nextToken }));
  expect(second.nextToken).toBeUndefined();
  expect([...(first.serviceArns ?? []), ...(second.serviceArns ?? [])]).toEqual(
    names.map((name) => `arn:aws:ecs:us-east-1:000000000000:service/shop/${name}`),
  );
});

test.for<[string, (id: string) => Promise<unknown>, string]>([
  [
    "an unknown cluster",
    () => client.send(new ListServicesCommand({ cluster: "none" })),
    "ClusterNotFoundException",
  ],
  [
    "no cluster, where `default` does not exist",
    () => client.send(new ListServicesCommand({})),
    "ClusterNotFoundException",
  ],
  ["an unknown service", () => update({}), "ServiceNotFoundException"],
  [
    "tasks of an unknown service",
    () => client.send(new ListTasksCommand({ cluster: "shop", serviceName: "none" })),
    "ServiceNotFoundException",
  ],
  [
    "a service of another cluster",
    () =>
      client.send(
        new DescribeServicesCommand({
          cluster: "shop",
          services: ["arn:aws:ecs:us-east-1:000000000000:service/other/web"],
        }),
      ),
    "InvalidParameterException",
  ],
  [
    "too many services",
    () => client.send(new DescribeServicesCommand({ cluster: "shop", services: Array(11).fill("x") })),
    "InvalidParameterException",
  ],
  [
    "an unknown task definition",
    () => client.send(new DescribeTaskDefinitionCommand({ taskDefinition: "none" })),
    "ClientException",
  ],
  ["a service of an unknown task definition", () => create("none:1", 1), "ClientException"],
  [
    "what the local run does not emulate",
    () => create("web", 1, { loadBalancers: [{ containerName: "web" }] }),
    "InvalidParameterException",
  ],
])("answers %s with ECS's own error", async ([, call, name]) => {
  await expect(call("")).rejects.toMatchObject({ name });
});

test("tells what is missing apart from what is there", async () => {
  await create(await register("v1"), 0);
  const services = await client.send(
    new DescribeServicesCommand({ cluster: "shop", services: ["web", "none"] }),
  );
  expect(services.services?.map(({ serviceName }) => serviceName)).toEqual(["web"]);
  expect(services.failures).toEqual([
    { arn: "arn:aws:ecs:us-east-1:000000000000:service/shop/none", reason: "MISSING" },
  ]);
  const described = await client.send(new DescribeTasksCommand({ cluster: "shop", tasks: ["abc"] }));
  expect(described.failures).toEqual([
    { arn: "arn:aws:ecs:us-east-1:000000000000:task/shop/abc", reason: "MISSING" },
  ]);
});
