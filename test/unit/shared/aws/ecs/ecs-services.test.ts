import { ClusterNotFoundException, ECSServiceException } from "@aws-sdk/client-ecs";
import { expect, test } from "vitest";
import {
  createEcsServices,
  DeploymentRefusedError,
  SearchUnfinishedError,
} from "../../../../../shared/aws/ecs-services.ts";
import { createEcsClientOf, type EcsAnswers } from "./ecs-client.ts";

const SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-AbCdEf";
const createdAt = new Date("2026-11-20T09:00:00Z");
const endedAt = new Date("2026-11-20T09:05:00Z");
const since = new Date("2026-11-20T10:00:00Z");
const taskArn = (id: string, cluster = "main") => `arn:aws:ecs:us-east-1:000000000000:task/${cluster}/${id}`;
const serviceArn = (name: string) => `arn:aws:ecs:us-east-1:000000000000:service/main/${name}`;

/** `injected` shows the secret in its task definition; `reader` shows nothing, and its task reports. */
const CLUSTER: EcsAnswers = {
  ListServices: () => ({ serviceArns: [serviceArn("injected"), serviceArn("reader")] }),
  DescribeServices: ({ services }: { services: string[] }) => ({
    services: services.map((service) => {
      const name = service.slice(service.lastIndexOf("/") + 1);
      return {
        serviceArn: serviceArn(name),
        clusterArn: "main",
        status: "ACTIVE",
        taskDefinition: `${name}:1`,
        deployments: [
          {
            id: `ecs-svc/${name}`,
            status: "PRIMARY",
            createdAt,
            updatedAt: endedAt,
            rolloutState: "FAILED",
            rolloutStateReason: "stopped",
          },
          { id: "ecs-svc/old", status: "ACTIVE", createdAt, rolloutState: "COMPLETED" },
        ],
      };
    }),
  }),
  DescribeTaskDefinition: ({ taskDefinition }: { taskDefinition: string }) => ({
    taskDefinition: {
      containerDefinitions: [
        { secrets: taskDefinition === "injected:1" ? [{ name: "DB", valueFrom: SECRET }] : [] },
      ],
    },
  }),
  ListTasks: ({ serviceName }: { serviceName?: string }) => ({
    taskArns: ["i1", "r1", "cron", "other"]
      .filter((id) => !serviceName || id === (serviceName.endsWith("injected") ? "i1" : "r1"))
      .map((id) => taskArn(id)),
  }),
  DescribeTasks: ({ tasks }: { tasks: string[] }) => ({
    tasks: tasks
      .filter((arn) => !arn.endsWith("gone"))
      .map((arn) => ({
        taskArn: arn,
        createdAt,
        desiredStatus: arn.endsWith("stopping") ? "STOPPED" : "RUNNING",
        taskDefinitionArn: arn.endsWith("cron") ? "injected:1" : "job:1",
        group: arn.endsWith("r1") ? "service:reader" : arn.endsWith("i1") ? "service:injected" : "family:job",
      })),
  }),
};

const place = { region: "us-east-1", accountId: "000000000000" };

function ecsOf(answers: EcsAnswers = CLUSTER, writes: EcsAnswers = {}) {
  const reads = createEcsClientOf(answers);
  const updates = createEcsClientOf(writes);
  const ecs = createEcsServices(
    { reads: reads.client, writes: updates.client },
    { clusters: ["main"], place },
  );
  return { ecs, reads, updates };
}

test("finds services by what reported, and the tasks that belong to none", async () => {
  const { ecs } = ecsOf();
  const reported = [taskArn("i1"), taskArn("r1"), taskArn("job"), taskArn("gone"), taskArn("stopping")];
  const { services, standaloneTasks } = await ecs.findUsing({ secretArn: SECRET, since, reported });
  expect(services.map((service) => [service.serviceArn, service.tasks.length])).toEqual([
    [serviceArn("injected"), 1],
    [serviceArn("reader"), 1],
  ]);
  expect(standaloneTasks).toEqual([
    // By its task definition: it never reported.
    { taskArn: taskArn("cron"), createdAt, use: "current" },
    { taskArn: taskArn("job"), createdAt },
  ]);
  expect(services[0]?.primaryDeployment).toEqual({
    id: "ecs-svc/injected",
    createdAt,
    inProgress: false,
    hasFailed: true,
    ended: { at: endedAt, reason: "stopped" },
  });
});

test("tells how the deployment of one service is, and that there is no such service", async () => {
  const { ecs } = ecsOf();
  expect(await ecs.findDeployment(serviceArn("injected"))).toMatchObject({ id: "ecs-svc/injected" });
  const none = ecsOf({ DescribeServices: () => ({ services: [], failures: [{ reason: "MISSING" }] }) });
  expect(await none.ecs.findDeployment(serviceArn("injected"))).toBeUndefined();
  const noCluster = ecsOf({
    DescribeServices: () => {
      throw new ClusterNotFoundException({ message: "gone", $metadata: {} });
    },
  });
  expect(await noCluster.ecs.findDeployment(serviceArn("injected"))).toBeUndefined();
});

test("a search of which any part takes too long fails, and the next one goes on where it stopped", async () => {
  const count = 95;
  const pages = 19;
  let nowMs = 0;
  const slow =
    <In, Out>(answer: (input: In) => Out) =>
    (input: In) => {
      nowMs += 100;
      return answer(input);
    };
  const reads = createEcsClientOf({
    ListServices: slow(({ nextToken = "0" }: { nextToken?: string }) => {
      const page = Number(nextToken);
      const arns = Array.from({ length: count / pages }, (_, index) => serviceArn(`s${page}-${index}`));
      return { serviceArns: arns, ...(page < pages - 1 && { nextToken: String(page + 1) }) };
    }),
    DescribeServices: slow(({ services }: { services: string[] }) => ({
      services: services.map((arn) => ({ serviceArn: arn, status: "ACTIVE", taskDefinition: arn })),
    })),
    DescribeTaskDefinition: slow(() => ({ taskDefinition: { containerDefinitions: [] } })),
    ListTasks: slow(() => ({ taskArns: [] })),
  });
  const updates = createEcsClientOf({});
  const ecs = createEcsServices(
    { reads: reads.client, writes: updates.client },
    { clusters: ["main"], now: () => nowMs, searchBudgetMs: 500 },
  );
  const query = { secretArn: SECRET, since: new Date(-1), reported: [] };
  for (let searches = 1; ; searches++) {
    const startedAt = nowMs;
    const users = await ecs.findUsing(query).catch((error: unknown) => error);
    expect(nowMs - startedAt).toBeLessThanOrEqual(600);
    nowMs += 60_000;
    expect(searches).toBeLessThan(100);
    if (users instanceof SearchUnfinishedError) continue;
    expect(users).toEqual({ services: [], standaloneTasks: [] });
    expect(searches).toBeGreaterThan(10);
    break;
  }
  expect([reads.countOf("ListServices"), reads.countOf("DescribeServices")]).toEqual([pages, 10]);
  expect(reads.countOf("DescribeTaskDefinition")).toBe(count);
});

test("does not ask ECS about hosts, and tasks in clusters that are not looked at", async () => {
  const { ecs, reads } = ecsOf();
  const task = taskArn("other-one");
  const strange = [
    "host:4711",
    taskArn("x", "elsewhere"),
    // Of the same cluster's name, in another account and Region.
    task.replace("000000000000", "111111111111"),
    task.replace("us-east-1", "eu-west-1"),
  ];
  await ecs.findUsing({ secretArn: SECRET, since, reported: strange });
  expect(JSON.stringify(reads.calls)).not.toMatch(/host:4711|elsewhere|other-one/);
  expect(strange.map(ecs.knows)).toEqual([false, false, false, false]);
  expect(ecs.knows(taskArn("job"))).toBe(true);
});

test("looks up no more than a thousand of the tasks that once reported, those heard of last", async () => {
  const { ecs, reads } = ecsOf();
  const reported = Array.from({ length: 1_500 }, (_, index) => taskArn(`${index}-gone`));
  await ecs.findUsing({ secretArn: SECRET, since, reported });
  const asked = reads.calls.flatMap(({ action, input }) =>
    action === "DescribeTasks" ? (input as { tasks: string[] }).tasks : [],
  );
  expect(asked.filter((arn) => arn.endsWith("gone"))).toEqual(reported.slice(0, 1_000));
});

test("lists the tasks of a whole cluster at once where very many of its services use the secret", async () => {
  const names = Array.from({ length: 21 }, (_, index) => `injected-${index}`);
  const { ecs, reads } = ecsOf({
    ...CLUSTER,
    ListServices: () => ({ serviceArns: names.map(serviceArn) }),
    DescribeTaskDefinition: () => ({
      taskDefinition: { containerDefinitions: [{ secrets: [{ name: "DB", valueFrom: SECRET }] }] },
    }),
    ListTasks: () => ({ taskArns: [...names, "job"].map((name) => taskArn(name)) }),
    DescribeTasks: ({ tasks }: { tasks: string[] }) => ({
      tasks: tasks.map((arn) => {
        const name = arn.slice(arn.lastIndexOf("/") + 1);
        return { taskArn: arn, createdAt, group: name === "job" ? "family:job" : `service:${name}` };
      }),
    }),
  });
  const { services } = await ecs.findUsing({ secretArn: SECRET, since, reported: [] });
  expect(services.map(({ tasks }) => tasks.map((task) => task.taskArn))).toEqual(
    names.map((name) => [taskArn(name)]),
  );
  // Once to find the standalone ones, and once as they are now.
  expect(reads.countOf("ListTasks")).toBe(2);
});

const service = { serviceArn: serviceArn("injected"), clusterArn: "main" };
const refusal = (name: string, $fault: "client" | "server") => () => {
  throw new ECSServiceException({ name, $fault, $metadata: {}, message: name });
};

test("answers with the id of the deployment that it forced", async () => {
  const deployments = [{ id: "ecs-svc/2", status: "PRIMARY" }];
  const { ecs, updates } = ecsOf({}, { UpdateService: () => ({ service: { deployments } }) });
  expect(await ecs.forceNewDeployment(service)).toBe("ecs-svc/2");
  expect(updates.calls).toEqual([
    {
      action: "UpdateService",
      input: { cluster: "main", service: service.serviceArn, forceNewDeployment: true },
    },
  ]);
});

test("tells a refusal, after which nothing is deployed, from an answer that was lost", async () => {
  const refused = ecsOf({}, { UpdateService: refusal("InvalidParameterException", "client") });
  await expect(refused.ecs.forceNewDeployment(service)).rejects.toThrow(DeploymentRefusedError);
  const lost = ecsOf({}, { UpdateService: refusal("ServerException", "server") });
  await expect(lost.ecs.forceNewDeployment(service)).rejects.not.toThrow(DeploymentRefusedError);
  expect(lost.updates.calls).toHaveLength(1);
});
