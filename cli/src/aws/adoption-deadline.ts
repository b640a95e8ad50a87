import { GetQueueAttributesCommand, GetQueueUrlCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { StageNames } from "../place/stage-names.ts";

/** How long after a rotation the stage looks for whoever has not followed. */
export interface AdoptionDeadline {
  /** In milliseconds; undefined where one may not ask. */
  read(): Promise<number | undefined>;
}

/** It is the delay of the queue from which the check comes. */
export function createAdoptionDeadline(client: SQSClient, names: StageNames): AdoptionDeadline {
  return {
    async read() {
      try {
        const { QueueUrl } = await client.send(
          new GetQueueUrlCommand({ QueueName: names.queue("redeploy") }),
        );
        const { Attributes } = await client.send(
          new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["DelaySeconds"] }),
        );
        const seconds = Attributes?.DelaySeconds;
        return seconds === undefined ? undefined : Number(seconds) * 1_000;
      } catch {
        // It tells when the check is due, and nothing else depends on it.
        return undefined;
      }
    },
  };
}
