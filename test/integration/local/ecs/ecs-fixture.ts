import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ContainerDefinition,
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  type Service,
  type Task,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { expect, vi } from "vitest";
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

/** ECS with a cluster `shop`, asked through the SDK's client, and what its tests do with a service `web` in it. */
export interface Shop {
  readonly ecs: Ecs;
  readonly client: ECSClient;
  /** The working directory of tasks. */
  readonly folder: string;
  /** What tasks print, as `SERVICE: LINE`. */
  readonly log: readonly string[];
  /** What `valueFrom` leads to; empty at first. */
  readonly secrets: Map<string, string>;
  /** `up VERSION PID`, `down VERSION PID` in the order in which they happened. */
  journalLines(): Promise<string[]>;
  /** Registers the task definition `web`, and answers its ARN. */
  register(
    version: string,
    container?: Partial<ContainerDefinition>,
    env?: Record<string, string>,
  ): Promise<string>;
  create(taskDefinition: string, desiredCount: number, rest?: object): Promise<unknown>;
  update(change: object): Promise<unknown>;
  describe(): Promise<Service>;
  /** What `aws ecs wait services-stable` waits for, and the rollout besides. */
  stable(): Promise<Service>;
  tasks(desiredStatus?: "RUNNING" | "STOPPED"): Promise<Task[]>;
  close(): Promise<void>;
}

export async function startShop(): Promise<Shop> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-ecs-"));
  const journal = join(folder, "journal");
  await writeFile(join(folder, "web.mjs"), WEB);
  await writeFile(join(folder, "check.mjs"), CHECK);
  await writeFile(journal, "");
  const log: string[] = [];
  const secrets = new Map<string, string>();
  const ecs = createEcs({
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
  const client = new ECSClient({
    endpoint: server.url,
    region: "us-east-1",
    credentials: { accessKeyId: "AKIAFAKEFAKE", secretAccessKey: "fake-secret" },
    maxAttempts: 1,
  });
  await client.send(new CreateClusterCommand({ clusterName: "shop" }));

  async function describe(): Promise<Service> {
    const { services } = await client.send(
      new DescribeServicesCommand({ cluster: "shop", services: ["web"] }),
    );
    return services?.[0] ?? {};
  }

  return {
    ecs,
    client,
    folder,
    log,
    secrets,
    describe,
    journalLines: async () => (await readFile(journal, "utf8")).split("\n").filter(Boolean),
    async register(version, container = {}, env = {}) {
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
              environment: Object.entries({ VERSION: version, JOURNAL: journal, ...env }).map(
                ([name, value]) => ({ name, value }),
              ),
              healthCheck: {
                command: ["CMD", "node", "check.mjs"],
                interval: 5,
                retries: 1,
                startPeriod: 10,
              },
              portMappings: [{ containerPort: 8080 }],
              ...container,
            },
          ],
        }),
      );
      return taskDefinition?.taskDefinitionArn ?? "";
    },
    create: (taskDefinition, desiredCount, rest = {}) =>
      client.send(
        new CreateServiceCommand({
          cluster: "shop",
          serviceName: "web",
          taskDefinition,
          desiredCount,
          ...rest,
        }),
      ),
    update: (change) => client.send(new UpdateServiceCommand({ cluster: "shop", service: "web", ...change })),
    stable: () =>
      vi.waitFor(
        async () => {
          const service = await describe();
          expect(service.deployments?.map(({ rolloutState }) => rolloutState)).toEqual(["COMPLETED"]);
          expect(service.runningCount).toBe(service.desiredCount);
          return service;
        },
        { timeout: 30_000, interval: 50 },
      ),
    async tasks(desiredStatus = "RUNNING") {
      const { taskArns = [] } = await client.send(
        new ListTasksCommand({ cluster: "shop", serviceName: "web", desiredStatus }),
      );
      if (taskArns.length === 0) return [];
      const { tasks = [] } = await client.send(
        new DescribeTasksCommand({ cluster: "shop", tasks: taskArns }),
      );
      return tasks;
    },
    async close() {
      await ecs.stop();
      client.destroy();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A process that has ended may wait for its parent to ask for its exit code: a zombie does not run. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync("/proc/self/stat") || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
