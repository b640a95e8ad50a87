import {
  type ContainerDefinition,
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  type ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import type { LocalRun } from "../local-run.ts";
import type { SampleStore } from "../sample-store.ts";

export const ORDERS_API = "orders-api";
export const LEGACY_API = "legacy-api";
export const CLUSTER = "default";
export const ORDERS_COPIES = 3;

/** Node itself asks, since a bare machine has no curl. */
const healthCheck: ContainerDefinition["healthCheck"] = {
  command: [
    "CMD",
    "node",
    "-e",
    "fetch('http://127.0.0.1:' + process.env.PORT + '/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))",
  ],
  interval: 10,
  timeout: 5,
  retries: 3,
  startPeriod: 20,
};

/** Follows by the client library: it is told the secret's ARN, and where notices are; it signs in with its own role. */
function ordersContainer(run: LocalRun, store: SampleStore): ContainerDefinition {
  return {
    name: ORDERS_API,
    image: ORDERS_API,
    command: ["node", "examples/orders-api/server.ts"],
    environment: [
      { name: "DB_SECRET_ID", value: store.secretArn },
      { name: "KEYTURN_CHANNEL_URL", value: run.channelUrl },
      // At AWS IoT Core the host's name says so.
      { name: "KEYTURN_CHANNEL_AUTH", value: "aws-sigv4" },
      { name: "KEYTURN_TOPIC_PREFIX", value: run.topicPrefix },
      { name: "KEYTURN_SERVICE", value: ORDERS_API },
    ],
    portMappings: [{ containerPort: 8080 }],
    healthCheck,
    stopTimeout: 10,
  };
}

/** Cannot follow: ECS gives it the credential at its start, and never again. */
function legacyContainer(store: SampleStore): ContainerDefinition {
  const keys = {
    DB_HOST: "host",
    DB_PORT: "port",
    DB_NAME: "dbname",
    DB_USER: "username",
    DB_PASSWORD: "password",
  };
  return {
    name: LEGACY_API,
    image: LEGACY_API,
    command: ["node", "examples/legacy-api/server.ts"],
    secrets: Object.entries(keys).map(([name, key]) => ({ name, valueFrom: `${store.secretArn}:${key}::` })),
    portMappings: [{ containerPort: 8080 }],
    healthCheck,
    stopTimeout: 10,
  };
}

/** Starts both services as ECS tasks under roles of their own; resolves when every copy is healthy. */
export async function startServices(
  run: LocalRun,
  ecs: ECSClient,
  store: SampleStore,
  signal?: AbortSignal,
): Promise<void> {
  const mayRead = [{ Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: store.secretArn }];
  const maySubscribe = run.outputs.SubscriberPolicyArn;
  if (maySubscribe === undefined) throw new Error("The stack has no output SubscriberPolicyArn");
  const taskRoleArn = await run.createRole(`${ORDERS_API}-task`, mayRead, [maySubscribe]);
  const executionRoleArn = await run.createRole(`${LEGACY_API}-execution`, mayRead);

  await ecs.send(new CreateClusterCommand({ clusterName: CLUSTER }));
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: ORDERS_API,
      taskRoleArn,
      containerDefinitions: [ordersContainer(run, store)],
    }),
  );
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: LEGACY_API,
      executionRoleArn,
      containerDefinitions: [legacyContainer(store)],
    }),
  );
  const create = (serviceName: string, desiredCount: number) =>
    ecs.send(
      new CreateServiceCommand({ cluster: CLUSTER, serviceName, taskDefinition: serviceName, desiredCount }),
    );
  await create(ORDERS_API, ORDERS_COPIES);
  await create(LEGACY_API, 1);
  await waitFor("both services are healthy", 30_000, () => isSteady(ecs, [ORDERS_API, LEGACY_API]), signal);
}

/** Tasks that run on neither the version nor a start after it became current, as ECS and the reports tell. */
export async function countStaleTasks(
  ecs: ECSClient,
  currentSince: Date,
  swapped: ReadonlySet<string>,
): Promise<number> {
  const { taskArns = [] } = await ecs.send(
    new ListTasksCommand({ cluster: CLUSTER, desiredStatus: "RUNNING" }),
  );
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster: CLUSTER, tasks: taskArns }));
  return tasks.filter(
    ({ taskArn = "", createdAt }) => !swapped.has(taskArn) && !(createdAt && createdAt >= currentSince),
  ).length;
}

/** True where each service runs what it should, by one finished deployment. */
export async function isSteady(ecs: ECSClient, services: readonly string[]): Promise<boolean> {
  const answer = await ecs.send(new DescribeServicesCommand({ cluster: CLUSTER, services: [...services] }));
  return (answer.services ?? []).every(
    ({ deployments = [], runningCount, desiredCount }) =>
      deployments.length === 1 &&
      deployments[0]?.rolloutState === "COMPLETED" &&
      runningCount === desiredCount,
  );
}

/** Something did not come true in time. */
export class GaveUpError extends Error {}

/** @throws GaveUpError naming what did not come true in time */
export async function waitFor(
  what: string,
  timeoutMs: number,
  isSo: () => boolean | Promise<boolean>,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isSo())) {
    signal?.throwIfAborted();
    if (performance.now() > deadline)
      throw new GaveUpError(`Gave up after ${timeoutMs / 1_000} s waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
