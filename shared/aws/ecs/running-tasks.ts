import { DescribeTasksCommand, type ECSClient, ListTasksCommand, type Task } from "@aws-sdk/client-ecs";
import type { SearchBudget } from "./search-budget.ts";

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

/** Where a task runs, by its ARN. */
export interface PlaceOfTask {
  readonly region: string;
  readonly accountId: string;
  /** Its name. */
  readonly cluster: string;
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html and API_ListTasks.html */
export const MOST_TASKS = 100;
const TASK_ARN = /^arn:aws[\w-]*:ecs:([^:]+):(\d{12}):task\/([^/]+)\/[^/]+$/;
const SERVICE_GROUP = "service:";

/** Undefined for an instance that is no task of ECS. */
export function placeOfTask(instanceId: string): PlaceOfTask | undefined {
  const [, region, accountId, cluster] = TASK_ARN.exec(instanceId) ?? [];
  return region && accountId && cluster ? { region, accountId, cluster } : undefined;
}

/** The cluster of a task by its ARN; undefined for an instance that is no task of ECS. */
export const clusterOfTask = (instanceId: string): string | undefined => placeOfTask(instanceId)?.cluster;

/**
 * The tasks of services of one cluster that are not on their way out, by the services' names.
 *
 * @param services of which; all unless given, which takes far fewer calls where many are asked for. Standalone tasks are
 * under "" then
 */
export async function listTasksByService(
  client: ECSClient,
  cluster: string,
  services: readonly string[] | undefined,
  budget: SearchBudget,
): Promise<ReadonlyMap<string, readonly RunningTask[]>> {
  const arns: string[] = [];
  for (const serviceName of services ?? [undefined]) {
    let nextToken: string | undefined;
    do {
      budget.check();
      const page = await listTasks(client, cluster, nextToken, serviceName);
      arns.push(...page.ids);
      nextToken = page.nextToken;
    } while (nextToken);
  }
  const tasks = await describeTasks(client, cluster, arns, budget);
  return Map.groupBy(tasks.flatMap(toTaskOfService), ({ serviceName = "" }) => serviceName);
}

/** Those of the tasks that run still, each with its service. ECS forgets a stopped task after an hour. */
export async function findRunningTasks(
  client: ECSClient,
  cluster: string,
  taskArns: readonly string[],
  budget: SearchBudget,
): Promise<TaskOfService[]> {
  return (await describeTasks(client, cluster, taskArns, budget))
    .filter(({ desiredStatus }) => desiredStatus === "RUNNING")
    .flatMap(toTaskOfService);
}

/** One page of the ARNs of tasks that are to run. */
export async function listTasks(
  client: ECSClient,
  cluster: string,
  nextToken: string | undefined,
  serviceName?: string,
) {
  const query = {
    cluster,
    serviceName,
    nextToken,
    desiredStatus: "RUNNING",
    maxResults: MOST_TASKS,
  } as const;
  const answer = await client.send(new ListTasksCommand(query));
  return { ids: answer.taskArns ?? [], nextToken: answer.nextToken };
}

/** Whether ECS started the task for a service. */
export const belongsToService = ({ group = "" }: Task): boolean => group.startsWith(SERVICE_GROUP);

async function describeTasks(
  client: ECSClient,
  cluster: string,
  taskArns: readonly string[],
  budget: SearchBudget,
): Promise<Task[]> {
  const described: Task[] = [];
  for (let start = 0; start < taskArns.length; start += MOST_TASKS) {
    budget.check();
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
