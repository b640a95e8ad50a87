import { expect, test } from "vitest";
import { createEcs } from "../../../../local/aws/ecs/ecs.ts";

const { service } = createEcs({
  place: { accountId: "000000000000", region: "us-east-1" },
  now: () => 0,
  resolveSecretValueFrom: async () => "",
  taskEnvironment: () => ({}),
  taskMetadataUri: () => "",
  onTaskLog: () => {},
  log: () => {},
});

const caller = { accessKeyId: "AKIAFAKEFAKE", name: "test" };
const web = { name: "web", image: "web:local" };
const definition = (container: object) => ({
  family: "web",
  containerDefinitions: [{ ...web, ...container }],
});
const update = (change: object) => ({ service: "web", ...change });
const create = (change: object) => ({ serviceName: "web", taskDefinition: "web", ...change });
const name = "must be 1 to 255 letters, digits, hyphens or underscores";

test.for<[string, object, string]>([
  ["CreateCluster", { clusterName: "my shop" }, `clusterName: ${name}`],
  ["DescribeClusters", { clusters: Array(101).fill("x") }, "clusters: must have at most 100 items"],
  ["DescribeTaskDefinition", {}, "taskDefinition: is missing"],
  ["CreateService", create({ serviceName: "x".repeat(256) }), `serviceName: ${name}`],
  ["CreateService", create({ desiredCount: -1 }), "desiredCount: must be at least 0"],
  ["CreateService", create({ schedulingStrategy: "DAEMON" }), "schedulingStrategy: must be REPLICA"],
  ["CreateService", create({ loadBalancers: [] }), "the local run does not support loadBalancers"],
  [
    "UpdateService",
    update({ deploymentConfiguration: { minimumHealthyPercent: 101, maximumPercent: 99, strategy: "x" } }),
    "deploymentConfiguration.minimumHealthyPercent: must be at most 100; deploymentConfiguration.maximumPercent: must be at least 100; the local run does not support deploymentConfiguration.strategy",
  ],
  ["DeleteService", { service: 7 }, "service: must be of type string"],
  ["DescribeServices", {}, "services: is missing"],
  ["DescribeServices", { services: [] }, "services: must have at least 1 item"],
  ["DescribeServices", { services: Array(11).fill("x") }, "services: must have at most 10 items"],
  ["DescribeServices", { services: ["x", 7] }, "services.1: must be of type string"],
  ["ListTasks", { desiredStatus: "GONE" }, "desiredStatus: must be one of RUNNING, PENDING, STOPPED"],
  ["ListClusters", { maxResults: 101 }, "maxResults: must be at most 100"],
  ["DescribeTasks", { tasks: Array(101).fill("x") }, "tasks: must have at most 100 items"],
  ["StopTask", {}, "task: is missing"],
  ["RunTask", { taskDefinition: "web", count: 1.5 }, "count: must be of type integer"],
  ["RunTask", { taskDefinition: "web", count: 11 }, "count: must be at most 10"],
])("%s refuses %j with what is wrong, and the limit", async ([operation, input, message]) => {
  await expect(run(operation, input)).rejects.toMatchObject({ code: "InvalidParameterException", message });
});

test.for<[object, string]>([
  [{ family: "web" }, "containerDefinitions: is missing"],
  [
    { family: "web", containerDefinitions: [web, web] },
    "containerDefinitions: the local run runs one container in a task",
  ],
  [{ ...definition({}), family: "my web" }, `family: ${name}`],
  [definition({ image: "" }), "containerDefinitions.0.image: must have at least 1 character"],
  [definition({ stopTimeout: 121 }), "containerDefinitions.0.stopTimeout: must be at most 120"],
  [
    definition({ healthCheck: { command: ["curl"] } }),
    "containerDefinitions.0.healthCheck.command: must begin with CMD or CMD-SHELL",
  ],
  [
    definition({ healthCheck: { command: ["CMD"], interval: 1 } }),
    "containerDefinitions.0.healthCheck.interval: must be at least 5",
  ],
  [definition({ ulimits: [] }), "the local run does not support containerDefinitions.0.ulimits"],
])("RegisterTaskDefinition refuses %j with what is wrong, and the limit", async ([input, message]) => {
  await expect(run("RegisterTaskDefinition", input)).rejects.toMatchObject({
    code: "ClientException",
    message,
  });
});

async function run(operation: string, input: object): Promise<unknown> {
  return service.operations[operation]?.run({ ...input }, caller);
}
