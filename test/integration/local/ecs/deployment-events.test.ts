import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createEcs, type Ecs } from "../../../../local/aws/ecs/ecs.ts";
import type { AwsEvent } from "../../../../local/aws/events/aws-event.ts";
import { serveAwsJson } from "./serve-aws-json.ts";

let ecs: Ecs;
let client: ECSClient;
let closeServer: () => Promise<void>;
const events: AwsEvent[] = [];

beforeEach(async () => {
  events.splice(0);
  ecs = createEcs({
    place: { accountId: "000000000000", region: "us-east-1" },
    now: Date.now,
    resolveSecretValueFrom: async () => "",
    taskEnvironment: () => ({}),
    taskMetadataUri: (id) => `http://127.0.0.1:1/v4/${id}`,
    onTaskLog: () => {},
    log: () => {},
    emit: (event) => events.push(event),
    deregistrationDelayMs: 20,
  });
  const server = await serveAwsJson(ecs.service);
  closeServer = () => server.close();
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
  await closeServer();
});

async function create(tags: { key: string; value: string }[] = []) {
  await register("exec sleep 600");
  return client.send(
    new CreateServiceCommand({
      cluster: "shop",
      serviceName: "web",
      taskDefinition: "web",
      desiredCount: 1,
      deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: true } },
      tags,
    }),
  );
}
const register = (script: string) =>
  client.send(
    new RegisterTaskDefinitionCommand({
      family: "web",
      containerDefinitions: [{ name: "web", image: "web", command: ["sh", "-c", script] }],
    }),
  );
const names = () => events.map(({ detail }) => detail.eventName);
const eventually = (assertion: () => void) => vi.waitFor(assertion, { timeout: 20_000, interval: 20 });

test("tells the bus how a deployment begins and ends", async () => {
  await create();
  await eventually(() =>
    expect(names()).toEqual(["SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED"]),
  );
  const { services } = await client.send(new DescribeServicesCommand({ cluster: "shop", services: ["web"] }));
  expect(events.at(-1)).toMatchObject({
    source: "aws.ecs",
    "detail-type": "ECS Deployment State Change",
    resources: [services?.[0]?.serviceArn],
    detail: { eventType: "INFO", deploymentId: services?.[0]?.deployments?.[0]?.id },
  });
});

test("tells the bus that the circuit breaker stopped a deployment, and to which it goes back", async () => {
  await create();
  await eventually(() => expect(names()).toContain("SERVICE_DEPLOYMENT_COMPLETED"));
  const good = events.at(-1)?.detail.deploymentId;
  events.splice(0);
  // A command that is not there: the task fails to start.
  await client.send(
    new RegisterTaskDefinitionCommand({
      family: "web",
      containerDefinitions: [{ name: "web", image: "web", command: ["/no/such/program"] }],
    }),
  );
  await client.send(new UpdateServiceCommand({ cluster: "shop", service: "web", taskDefinition: "web" }));
  await eventually(() =>
    expect(names()).toEqual([
      "SERVICE_DEPLOYMENT_IN_PROGRESS",
      "SERVICE_DEPLOYMENT_FAILED",
      "SERVICE_DEPLOYMENT_IN_PROGRESS",
      "SERVICE_DEPLOYMENT_COMPLETED",
    ]),
  );
  expect(events[1]?.detail).toMatchObject({ eventType: "ERROR" });
  expect(events[2]?.detail.reason).toBe(
    `ECS deployment circuit breaker: rolling back to deploymentId ${good}.`,
  );
});

test("shows a service's tags to whoever asks for them, and takes none that ECS would not", async () => {
  await create([{ key: "keyturn:secrets", value: "orders/db payments/api" }]);
  const describe = async (include: ["TAGS"] | []) => {
    const query = { cluster: "shop", services: ["web"], include };
    return (await client.send(new DescribeServicesCommand(query))).services?.[0]?.tags;
  };
  expect(await describe(["TAGS"])).toEqual([{ key: "keyturn:secrets", value: "orders/db payments/api" }]);
  expect(await describe([])).toBeUndefined();
  await expect(create([{ key: "keyturn:secrets", value: "orders/db,payments/api" }])).rejects.toThrow(/tags/);
});
