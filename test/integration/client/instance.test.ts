import { hostname } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import { identifyInstance } from "../../../client/src/core/instance.ts";
import { startAws } from "./aws.ts";

const TaskARN = "arn:aws:ecs:us-east-1:000000000000:task/local/0123456789abcdef";
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const byHost = `${hostname()}:${process.pid}`;

let aws: Awaited<ReturnType<typeof startAws>>;

beforeAll(async () => {
  aws = await startAws({ TaskARN, ServiceName: "orders-api", Family: "orders" });
});
afterAll(() => aws.stop());

test.each([
  [
    "an ECS task is known by its ARN and its service",
    "/task-metadata/task",
    undefined,
    { instanceId: TaskARN, service: "orders-api" },
  ],
  [
    "a service name that was given wins",
    "/task-metadata/task",
    "billing",
    { instanceId: TaskARN, service: "billing" },
  ],
  [
    "metadata that cannot be read leave host and pid",
    "/task-metadata/none",
    "billing",
    { instanceId: byHost, service: "billing" },
  ],
])("%s", async (_what, path, service, instance) => {
  expect(await identifyInstance(aws.url + path, service, logger)).toEqual(instance);
});

test("outside ECS host and pid do", async () => {
  expect(await identifyInstance(undefined, undefined, logger)).toEqual({
    instanceId: byHost,
    service: "unknown",
  });
});
