import {
  DeleteServiceCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ListServicesCommand,
  ListTasksCommand,
} from "@aws-sdk/client-ecs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Shop, startShop } from "./ecs-fixture.ts";

let shop: Shop;

beforeEach(async () => {
  shop = await startShop();
});
afterEach(() => shop.close());

test("starts the desired number of tasks, and tells of them as ECS does", async () => {
  const arn = await shop.register("v1");
  await shop.create(arn, 2);
  const service = await shop.stable();
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

  const running = await shop.tasks();
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
    expect(shop.ecs.targets("shop", "web")).toContainEqual({
      taskArn: task.taskArn,
      port: binding?.hostPort,
    });
  }
});

test("deletes a service with its tasks", async () => {
  await shop.create(await shop.register("v1"), 1);
  await shop.stable();
  await expect(
    shop.client.send(new DeleteServiceCommand({ cluster: "shop", service: "web" })),
  ).rejects.toMatchObject({
    name: "InvalidParameterException",
    message: "The service cannot be stopped while it is scaled above 0.",
  });
  await shop.client.send(new DeleteServiceCommand({ cluster: "shop", service: "web", force: true }));
  await vi.waitFor(async () => expect((await shop.describe()).status).toBe("INACTIVE"));
  expect((await shop.client.send(new ListServicesCommand({ cluster: "shop" }))).serviceArns).toEqual([]);
  await expect(shop.update({ desiredCount: 1 })).rejects.toMatchObject({ name: "ServiceNotActiveException" });
});

test("lists services page by page", async () => {
  const taskDefinition = await shop.register("v1");
  const names = Array.from({ length: 12 }, (_, index) => `service-${index}`);
  for (const serviceName of names) await shop.create(taskDefinition, 0, { serviceName });
  const first = await shop.client.send(new ListServicesCommand({ cluster: "shop" }));
  expect(first.serviceArns).toHaveLength(10);
  const second = await shop.client.send(
    new ListServicesCommand({ cluster: "shop", nextToken: first.nextToken }),
  );
  expect(second.nextToken).toBeUndefined();
  expect([...(first.serviceArns ?? []), ...(second.serviceArns ?? [])]).toEqual(
    names.map((name) => `arn:aws:ecs:us-east-1:000000000000:service/shop/${name}`),
  );
});

test.for<[string, () => Promise<unknown>, string]>([
  [
    "an unknown cluster",
    () => shop.client.send(new ListServicesCommand({ cluster: "none" })),
    "ClusterNotFoundException",
  ],
  [
    "no cluster, where `default` does not exist",
    () => shop.client.send(new ListServicesCommand({})),
    "ClusterNotFoundException",
  ],
  ["an unknown service", () => shop.update({}), "ServiceNotFoundException"],
  [
    "tasks of an unknown service",
    () => shop.client.send(new ListTasksCommand({ cluster: "shop", serviceName: "none" })),
    "ServiceNotFoundException",
  ],
  [
    "a service of another cluster",
    () =>
      shop.client.send(
        new DescribeServicesCommand({
          cluster: "shop",
          services: ["arn:aws:ecs:us-east-1:000000000000:service/other/web"],
        }),
      ),
    "InvalidParameterException",
  ],
  [
    "too many services",
    () => shop.client.send(new DescribeServicesCommand({ cluster: "shop", services: Array(11).fill("x") })),
    "InvalidParameterException",
  ],
  [
    "an unknown task definition",
    () => shop.client.send(new DescribeTaskDefinitionCommand({ taskDefinition: "none" })),
    "ClientException",
  ],
  ["a service of an unknown task definition", () => shop.create("none:1", 1), "ClientException"],
  [
    "what the local run does not emulate",
    () => shop.create("web", 1, { loadBalancers: [{ containerName: "web" }] }),
    "InvalidParameterException",
  ],
])("answers %s with ECS's own error", async ([, call, name]) => {
  await expect(call()).rejects.toMatchObject({ name });
});

test("tells what is missing apart from what is there", async () => {
  await shop.create(await shop.register("v1"), 0);
  const services = await shop.client.send(
    new DescribeServicesCommand({ cluster: "shop", services: ["web", "none"] }),
  );
  expect(services.services?.map(({ serviceName }) => serviceName)).toEqual(["web"]);
  expect(services.failures).toEqual([
    { arn: "arn:aws:ecs:us-east-1:000000000000:service/shop/none", reason: "MISSING" },
  ]);
  const described = await shop.client.send(new DescribeTasksCommand({ cluster: "shop", tasks: ["abc"] }));
  expect(described.failures).toEqual([
    { arn: "arn:aws:ecs:us-east-1:000000000000:task/shop/abc", reason: "MISSING" },
  ]);
});
