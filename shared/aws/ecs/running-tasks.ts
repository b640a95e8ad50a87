import { DescribeTasksCommand, type ECSClient, paginateListTasks, type Task } from "@aws-sdk/client-ecs";

/** A running task, as far as rotations care. */
export interface RunningTask {
  readonly taskArn: string;
  /** ECS injects secrets once, after this moment. */
  readonly createdAt: Date;
}

/** A running task and the service that it belongs to; standalone ones have none. */
export interface TaskOfService extends RunningTask {
  readonly serviceName?: string;
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html */
const MOST_TASKS = 100;
const TASK_ARN = /^arn:aws[\w-]*:ecs:[^:]+:\d{12}:task\/([^/]+)\/[^/]+$/;
const SERVICE_GROUP = "service:";

/** The cluster of a task by its ARN; undefined for an instance that is no task of ECS. */
export function clusterOfTask(instanceId: string): string | undefined {
  return TASK_ARN.exec(instanceId)?.[1];
}

/** The tasks of a service that are not on their way out. */
export async function listRunningTasks(
  client: ECSClient,
  cluster: string,
  serviceArn: string,
): Promise<RunningTask[]> {
  const arns = await listTasks(client, { cluster, serviceName: serviceArn });
  return (await describeTasks(client, cluster, arns)).flatMap(toTaskOfService);
}

/**
 * The same for all services of a cluster, by their names: where many of them are asked for, far fewer calls. Standalone
 * tasks are under "".
 */
export async function listRunningTasksByService(
  client: ECSClient,
  cluster: string,
): Promise<ReadonlyMap<string, readonly RunningTask[]>> {
  const tasks = await describeTasks(client, cluster, await listTasks(client, { cluster }));
  return Map.groupBy(tasks.flatMap(toTaskOfService), ({ serviceName = "" }) => serviceName);
}

/** Those of the tasks that run still, each with its service. ECS forgets a stopped task after an hour. */
export async function findRunningTasks(
  client: ECSClient,
  cluster: string,
  taskArns: readonly string[],
): Promise<TaskOfService[]> {
  return (await describeTasks(client, cluster, taskArns))
    .filter(({ desiredStatus }) => desiredStatus === "RUNNING")
    .flatMap(toTaskOfService);
}

async function listTasks(
  client: ECSClient,
  query: { readonly cluster: string; readonly serviceName?: string },
): Promise<string[]> {
  const arns: string[] = [];
  const pages = paginateListTasks({ client, pageSize: MOST_TASKS }, { ...query, desiredStatus: "RUNNING" });
  for await (const page of pages) arns.push(...(page.taskArns ?? []));
  return arns;
}

async function describeTasks(
  client: ECSClient,
  cluster: string,
  taskArns: readonly string[],
): Promise<Task[]> {
  const described: Task[] = [];
  for (let start = 0; start < taskArns.length; start += MOST_TASKS) {
    const tasks = taskArns.slice(start, start + MOST_TASKS);
    const answer = await client.send(new DescribeTasksCommand({ cluster, tasks }));
    described.push(...(answer.tasks ?? []));
  }
  return described;
}

function toTaskOfService({ taskArn, createdAt, group = "" }: Task): TaskOfService[] {
  if (!taskArn || !createdAt) return [];
  const task = { taskArn, createdAt };
  return group.startsWith(SERVICE_GROUP)
    ? [{ ...task, serviceName: group.slice(SERVICE_GROUP.length) }]
    : [task];
}
