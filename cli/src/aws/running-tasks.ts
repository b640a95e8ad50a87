import { ClusterNotFoundException, DescribeTasksCommand, type ECSClient } from "@aws-sdk/client-ecs";
import { describeFailure } from "../describe-failure.ts";
import { EXIT } from "../exit-code.ts";

/** Asks ECS which tasks still run: the ledger keeps the rows of those that were replaced. */
export interface RunningTasks {
  /**
   * @param instanceIds of any kind; those that are no ECS task are passed over
   * @returns the ARNs of those that have ended; undefined where one may not ask
   */
  ended(instanceIds: readonly string[]): Promise<ReadonlySet<string> | undefined>;
}

const TASK_ARN = /^arn:aws[\w-]*:ecs:[\w-]+:\d{12}:task\/([^/]+)\/[^/]+$/;
/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html */
const MAX_TASKS = 100;

export function createRunningTasks(client: ECSClient): RunningTasks {
  const runningOf = async (cluster: string, tasks: string[]): Promise<string[]> => {
    const answer = await client.send(new DescribeTasksCommand({ cluster, tasks })).catch((error) => {
      if (error instanceof ClusterNotFoundException) return undefined;
      throw error;
    });
    return (answer?.tasks ?? []).flatMap(({ taskArn, lastStatus }) =>
      taskArn && lastStatus !== "STOPPED" ? [taskArn] : [],
    );
  };

  return {
    async ended(instanceIds) {
      const byCluster = Map.groupBy(
        instanceIds.filter((id) => TASK_ARN.test(id)),
        (id) => TASK_ARN.exec(id)?.[1] ?? "",
      );
      const ended = new Set<string>();
      try {
        for (const [cluster, arns] of byCluster) {
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
