import { ECSServiceException } from "@aws-sdk/client-ecs";
import { expect, test } from "vitest";
import {
  createEcsServices,
  DeploymentRefusedError,
  SearchUnfinishedError,
} from "../../../../../shared/aws/ecs-services.ts";
import { createEcsClientOf } from "./ecs-client.ts";
import {
  CLUSTER,
  clusterGone,
  createdAt,
  ecsOf,
  endedAt,
  idOf,
  SECRET,
  serviceArn,
  since,
  taskArn,
} from "./small-cluster.ts";

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
    DescribeServices: clusterGone,
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
    expect(users).toEqual({ services: [], standaloneTasks: [], missingClusters: [] });
    expect(searches).toBeGreaterThan(10);
    break;
  }
  expect([reads.countOf("ListServices"), reads.countOf("DescribeServices")]).toEqual([pages, 10]);
  expect(reads.countOf("DescribeTaskDefinition")).toBe(count);
});

test("does not ask ECS about hosts, and tasks in clusters that are not looked at", async () => {
  const { ecs, reads } = ecsOf();
  const task = taskArn("elsewhere");
  const strange = [
    "host:4711",
    taskArn("elsewhere", "other"),
    // Of the same cluster's name, in another account and Region.
    task.replace("000000000000", "111111111111"),
    task.replace("us-east-1", "eu-west-1"),
    // Not as ECS makes them: it would refuse the call, and every check of the secret with it.
    "arn:aws:ecs:us-east-1:000000000000:task/main/made-up",
    task.replace("/main/", "/ma in/"),
  ];
  await ecs.findUsing({ secretArn: SECRET, since, reported: strange });
  for (const id of strange) expect(JSON.stringify(reads.calls)).not.toContain(id);
  expect(strange.map((id) => ecs.knows(id, SECRET))).toEqual(strange.map(() => false));
  expect(ecs.knows(taskArn("job"), SECRET)).toBe(true);
  // An id of one's own tells of no place.
  expect(ecs.knows(task.replace("us-east-1", "eu-west-1"), "vault:kv/orders/db")).toBe(true);
});

test("looks up no more than a thousand of the tasks that once reported, those heard of last", async () => {
  const { ecs, reads } = ecsOf();
  const reported = Array.from({ length: 1_500 }, (_, index) => taskArn(`${index}-gone`));
  await ecs.findUsing({ secretArn: SECRET, since, reported });
  const asked = reads.calls.flatMap(({ action, input }) =>
    action === "DescribeTasks" ? (input as { tasks: string[] }).tasks : [],
  );
  expect(asked.filter((arn) => idOf(arn).endsWith("gone"))).toEqual(reported.slice(0, 1_000));
});

test("lists the tasks of a whole cluster at once where that is fewer calls than those of each service", async () => {
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
        const group = idOf(arn) === "job" ? "family:job" : `service:${idOf(arn)}`;
        return { taskArn: arn, createdAt, group };
      }),
    }),
  });
  const { services } = await ecs.findUsing({ secretArn: SECRET, since, reported: [] });
  expect(services.map(({ tasks }) => tasks.map((task) => task.taskArn))).toEqual(
    names.map((name) => [taskArn(name)]),
  );
  const listed = reads.calls.filter(({ action }) => action === "ListTasks");
  expect(listed.filter(({ input }) => (input as { serviceName?: string }).serviceName)).toEqual([]);
});

test("lists the tasks of each service where the cluster has very many others", async () => {
  const others = Array.from({ length: 250 }, (_, index) => `other-${index}`);
  const { ecs, reads } = ecsOf({
    ...CLUSTER,
    ListTasks: ({ serviceName }: { serviceName?: string }) => ({
      taskArns: (serviceName ? [serviceName === "reader" ? "r1" : "i1"] : ["i1", "r1", ...others]).map((id) =>
        taskArn(id),
      ),
    }),
  });
  const query = { secretArn: SECRET, since, reported: [taskArn("r1")] };
  const { services } = await ecs.findUsing(query);
  expect(services.map(({ tasks }) => tasks.map((task) => task.taskArn))).toEqual([
    [taskArn("i1")],
    [taskArn("r1")],
  ]);
  const listed = reads.calls.flatMap(({ action, input }) =>
    action === "ListTasks" ? [(input as { serviceName?: string }).serviceName] : [],
  );
  expect(listed).toEqual([undefined, "injected", "reader"]);
});

test("looks how services are each time that it is asked, and shares the look among those who ask at once", async () => {
  let nowMs = since.getTime() + 60_000;
  const reads = createEcsClientOf(CLUSTER);
  const ecs = createEcsServices(
    { reads: reads.client, writes: createEcsClientOf({}).client },
    { clusters: ["main"], now: () => nowMs },
  );
  const query = { secretArn: SECRET, since, reported: [] };
  const ask = () => ecs.findUsing(query);
  await Promise.all([ask(), ecs.findUsing({ ...query, since: new Date(since.getTime() - 1) })]);
  // One for the catalog.
  expect(reads.countOf("DescribeServices")).toBe(2);
  nowMs += 1;
  await ask();
  expect(reads.countOf("DescribeServices")).toBe(3);
});

test("names every secret by which the definition and the tag of a service go", async () => {
  const other = "arn:aws:secretsmanager:us-east-1:000000000000:secret:payments/db";
  const secrets = [SECRET, `${other}:password::`].map((valueFrom) => ({ name: "DB", valueFrom }));
  const { ecs } = ecsOf({
    ...CLUSTER,
    DescribeServices: () => ({
      services: [
        {
          serviceArn: serviceArn("injected"),
          status: "ACTIVE",
          taskDefinition: "injected:1",
          tags: [{ key: "keyturn:secrets", value: "mails/api orders/db" }],
        },
      ],
    }),
    DescribeTaskDefinition: () => ({ taskDefinition: { containerDefinitions: [{ secrets }] } }),
  });
  const { services } = await ecs.findUsing({ secretArn: SECRET, since, reported: [] });
  expect(services.map(({ secretIds }) => secretIds)).toEqual([[SECRET, other, "mails/api", "orders/db"]]);
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
