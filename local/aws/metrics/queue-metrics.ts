import type { CloudWatch } from "../cloudwatch.ts";
import type { MetricName } from "./metric-store.ts";

export interface QueueMetricsDeps {
  readonly cloudWatch: Pick<CloudWatch, "alarms" | "putMetric" | "evaluate">;
  /** Messages that can be received; undefined where there is no such queue. */
  readonly depth: (queueName: string) => Promise<number | undefined>;
  /** When the oldest message was sent that is not deleted, received or not; undefined where there is none. */
  readonly oldestSentAt: (queueName: string) => Promise<Date | undefined>;
  readonly now: () => Date;
}

/**
 * Puts what SQS tells CloudWatch of queues once a minute, for the queues that an alarm watches, and evaluates the alarms.
 *
 * @returns a function to call about once a second
 */
export function createQueueMetrics({ cloudWatch, depth, oldestSentAt, now }: QueueMetricsDeps) {
  const read: Readonly<Record<string, (queueName: string) => Promise<number | undefined>>> = {
    ApproximateNumberOfMessagesVisible: depth,
    async ApproximateAgeOfOldestMessage(queueName) {
      const sentAt = await oldestSentAt(queueName);
      // On AWS an empty queue has the age 0.
      return sentAt ? Math.floor((now().getTime() - sentAt.getTime()) / 1_000) : 0;
    },
  };
  const readMetric = ({ name, dimensions: { QueueName = "" } }: MetricName) => read[name]?.(QueueName);

  return async (): Promise<void> => {
    const watched = cloudWatch.alarms().map(({ definition }) => definition.metric);
    for (const metric of watched.filter(({ namespace }) => namespace === "AWS/SQS")) {
      const value = await readMetric(metric);
      if (value !== undefined) cloudWatch.putMetric(metric, value);
    }
    cloudWatch.evaluate();
  };
}
