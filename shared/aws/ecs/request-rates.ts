import type { ECSClient } from "@aws-sdk/client-ecs";
import { createTokenBucket, type TokenBucket, type TokenBucketOptions } from "../token-bucket.ts";

/**
 * What ECS grants an account and Region, in requests at once and a second, for all actions of a category together:
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
 */
const PUBLISHED_RATES = {
  "service modify": {
    capacity: 50,
    refillPerSecond: 5,
    actions: ["CreateService", "DeleteService", "UpdateService"],
  },
  "service read": { capacity: 100, refillPerSecond: 20, actions: ["DescribeServices", "ListServices"] },
  "cluster resource read": { capacity: 100, refillPerSecond: 20, actions: ["DescribeTasks", "ListTasks"] },
  "task definition read": { capacity: 50, refillPerSecond: 20, actions: ["DescribeTaskDefinition"] },
  "cluster read": { capacity: 50, refillPerSecond: 20, actions: ["DescribeClusters", "ListClusters"] },
} as const;

/**
 * Of one environment. Up to four run at a time, two for each queue (`maximumConcurrency` in serverless.yml): together they take
 * three fifths of what may be read, and two fifths of what may be changed. The rest is for the account's own deployments.
 */
export const SHARE_OF_READS = 3 / 20;
export const SHARE_OF_WRITES = 1 / 10;

/**
 * Keeps one client, and so one environment of the function, below ECS's rates: a call waits for its turn. Every attempt
 * counts, the repeated ones too. Where others use up the account's rates, ECS throttles all the same, and the client's
 * retry mode deals with it.
 */
export function keepToEcsRates(
  client: ECSClient,
  clock: Pick<TokenBucketOptions, "now" | "wait"> = {},
): ECSClient {
  const buckets = new Map<string, TokenBucket>();
  for (const [category, { capacity, refillPerSecond, actions }] of Object.entries(PUBLISHED_RATES)) {
    const share = category.endsWith("modify") ? SHARE_OF_WRITES : SHARE_OF_READS;
    const bucket = createTokenBucket({
      capacity: Math.floor(capacity * share),
      refillPerSecond: refillPerSecond * share,
      ...clock,
    });
    for (const action of actions) buckets.set(`${action}Command`, bucket);
  }
  const keepToRates =
    <Args, Answer>(next: (args: Args) => Promise<Answer>, { commandName = "" }: { commandName?: string }) =>
    async (args: Args): Promise<Answer> => {
      await buckets.get(commandName)?.take();
      return next(args);
    };
  client.middlewareStack.addRelativeTo(keepToRates, {
    name: "keepToEcsRates",
    relation: "after",
    toMiddleware: "retryMiddleware",
  });
  return client;
}
