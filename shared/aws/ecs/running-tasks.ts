import {
  ClusterNotFoundException,
  DescribeTasksCommand,
  type ECSClient,
  ListTasksCommand,
  ServiceNotFoundException,
  type Task,
} from "@aws-sdk/client-ecs";
import { createResumableListing, type ResumableListing } from "./resumable-listing.ts";
import type { SearchBudget } from "./search-budget.ts";
import { createSharedLooks } from "./shared-looks.ts";

/** A running task, as far as rotations care. */
export interface RunningTask {
  readonly taskArn: string;
  /** ECS injects secrets once, after this moment. */
  readonly createdAt: Date;
}

/** A running task and the service that it belongs to; standalone ones have none, and their definition instead. */
export interface TaskOfCluster extends RunningTask {
  readonly serviceName?: string;
  readonly taskDefinitionArn?: string;
}

/** The tasks that run. Each look goes on where it stopped, and those at the same cluster share it. */
export interface RunningTasks {
  /** All of a cluster. @throws ClusterNotFoundException where there is none */
  readonly ofCluster: ResumableListing<TaskOfCluster>;
  /**
   * Those of services that are not on their way out, by the services' names, as they were when the search's part had begun,
   * or later; none where the cluster or the service is gone.
   */
  ofServices(
    cluster: string,
    services: readonly string[],
    budget: SearchBudget,
  ): Promise<ReadonlyMap<string, readonly RunningTask[]>>;
  /** Those of the tasks that run still. ECS forgets a stopped task after an hour. */
  find(cluster: string, taskArns: readonly string[], budget: SearchBudget): Promise<readonly TaskOfCluster[]>;
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html and API_ListTasks.html */
const MOST_TASKS = 100;
/** As ECS makes them: it refuses a call for the sake of one id of another form, and anybody may report anything. */
const TASK_ARN = /^arn:aws[\w-]*:ecs:[a-z0-9-]+:\d{12}:task\/([\w-]{1,255})\/(?:[\da-f]{32}|[\da-f-]{36})$/;
const SERVICE_GROUP = "service:";

/** The cluster of a task by its ARN; undefined for an instance that is no task of ECS. */
export const clusterOfTask = (instanceId: string): string | undefined => TASK_ARN.exec(instanceId)?.[1];

/** @param now epoch milliseconds */
export function createRunningTasks(client: ECSClient, now: () => number): RunningTasks {
  const describe = async (cluster: string, taskArns: readonly string[]) =>
    (await client.send(new DescribeTasksCommand({ cluster, tasks: [...taskArns] }))).tasks ?? [];
  const runningOf = async (cluster: string, taskArns: readonly string[]) =>
    (await describe(cluster, taskArns)).flatMap(toTaskOfCluster);

  const ofCluster = createResumableListing(
    {
      list: (cluster, nextToken) => listTasks(client, { cluster, nextToken }),
      describe: runningOf,
      describedAtOnce: MOST_TASKS,
    },
    now,
  );
  /** By the cluster's name and the service's. */
  const ofService = createResumableListing(
    {
      list: (key, nextToken) => {
        const [cluster, serviceName] = key.split("/");
        return listTasks(client, { cluster, serviceName, nextToken });
      },
      describe: (key, taskArns) => runningOf(key.split("/")[0] ?? "", taskArns),
      describedAtOnce: MOST_TASKS,
    },
    now,
  );
  const found = createSharedLooks<TaskOfCluster>(
    {
      describe: (cluster, taskArns) => noneWhereGone(runningOf(cluster, taskArns)),
      idOf: ({ taskArn }) => taskArn,
      describedAtOnce: MOST_TASKS,
    },
    now,
  );

  return {
    ofCluster,
    async ofServices(cluster, services, budget) {
      const begunAt = new Date(budget.begunAt);
      // However long ago: it tells how many pages of tasks there are, which the search has seen already.
      const pages = (await noneWhereGone(ofCluster(cluster, LONG_AGO, budget))).length / MOST_TASKS;
      if (services.length > Math.max(1, pages)) {
        const tasks = await noneWhereGone(ofCluster(cluster, begunAt, budget));
        return Map.groupBy(tasks, ({ serviceName = "" }) => serviceName);
      }
      const tasks = new Map<string, readonly RunningTask[]>();
      for (const service of services) {
        tasks.set(service, await noneWhereGone(ofService(`${cluster}/${service}`, begunAt, budget)));
      }
      return tasks;
    },
    find: found,
  };
}

const LONG_AGO = new Date(0);

/** What was there a moment ago may be deleted by now, and has no tasks then. */
export async function noneWhereGone<Item>(answer: Promise<readonly Item[]>): Promise<readonly Item[]> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ClusterNotFoundException || error instanceof ServiceNotFoundException) return [];
    throw error;
  }
}

interface TasksQuery {
  readonly cluster: string | undefined;
  readonly serviceName?: string | undefined;
  readonly nextToken: string | undefined;
}

/** One page of the ARNs of tasks that are to run. */
async function listTasks(client: ECSClient, query: TasksQuery) {
  const page = { ...query, desiredStatus: "RUNNING", maxResults: MOST_TASKS } as const;
  const answer = await client.send(new ListTasksCommand(page));
  return { ids: answer.taskArns ?? [], nextToken: answer.nextToken };
}

/** Nothing where it is on its way out. */
function toTaskOfCluster({
  taskArn,
  createdAt,
  desiredStatus,
  taskDefinitionArn,
  group = "",
}: Task): TaskOfCluster[] {
  if (!taskArn || !createdAt || desiredStatus === "STOPPED") return [];
  const task = { taskArn, createdAt };
  return group.startsWith(SERVICE_GROUP)
    ? [{ ...task, serviceName: group.slice(SERVICE_GROUP.length) }]
    : [{ ...task, ...(taskDefinitionArn && { taskDefinitionArn }) }];
}
