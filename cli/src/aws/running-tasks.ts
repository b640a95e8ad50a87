import { ClusterNotFoundException, DescribeTasksCommand, type ECSClient } from "@aws-sdk/client-ecs";
import { describeFailure } from "../describe-failure.ts";
import { EXIT } from "../exit-code.ts";

/** Asks ECS which tasks still run: the ledger keeps the rows of those that were replaced. */
export interface RunningTasks {
  /**
   * @param instanceIds of any kind; those that are no ECS task are passed over, and so are tasks of another account or
   *   Region, about which ECS here knows nothing
   * @returns the ARNs of those that have ended; undefined where one may not ask
   */
  ended(instanceIds: readonly string[]): Promise<ReadonlySet<string> | undefined>;
}

const TASK_ARN = /^arn:aws[\w-]*:ecs:(?<region>[\w-]+):(?<accountId>\d{12}):task\/(?<cluster>[^/]+)\/[^/]+$/;
/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html */
const MAX_TASKS = 100;

/** @param ownAccountId of whoever is signed in; undefined where there is one account alone */
export function createRunningTasks(
  client: ECSClient,
  ownAccountId: () => Promise<string | undefined>,
): RunningTasks {
  const runningOf = async (cluster: string, tasks: string[]): Promise<string[]> => {
    const answer = await client.send(new DescribeTasksCommand({ cluster, tasks })).catch((error) => {
      if (error instanceof ClusterNotFoundException) return undefined;
      throw error;
    });
    return (answer?.tasks ?? []).flatMap(({ taskArn, lastStatus }) =>
      taskArn && lastStatus !== "STOPPED" ? [taskArn] : [],
    );
  };

  /** Those that ECS here can tell of, by cluster: a cluster elsewhere may have the same name. */
  const byClusterHere = async (instanceIds: readonly string[]): Promise<Map<string, string[]>> => {
    const tasks = instanceIds.flatMap((id) => {
      const { region, accountId, cluster } = TASK_ARN.exec(id)?.groups ?? {};
      return region && accountId && cluster ? [{ id, region, accountId, cluster }] : [];
    });
    if (tasks.length === 0) return new Map();
    const ownRegion = await client.config.region();
    const ownId = await ownAccountId();
    const here = tasks.filter(
      ({ region, accountId }) => region === ownRegion && (ownId ?? accountId) === accountId,
    );
    const groups = Map.groupBy(here, ({ cluster }) => cluster);
    return new Map([...groups].map(([cluster, ofCluster]) => [cluster, ofCluster.map(({ id }) => id)]));
  };

  return {
    async ended(instanceIds) {
      const ended = new Set<string>();
      try {
        for (const [cluster, arns] of await byClusterHere(instanceIds)) {
          for (let from = 0; from < arns.length; from += MAX_TASKS) {
            const asked = arns.slice(from, from + MAX_TASKS);
            const running = new Set(await runningOf(cluster, asked));
            for (const arn of asked) if (!running.has(arn)) ended.add(arn);
          }
        }
      } catch (error) {
        if (describeFailure(error).exitCode === EXIT.notAllowed) return undefined;
        throw error;
      }
      return ended;
    },
  };
}
