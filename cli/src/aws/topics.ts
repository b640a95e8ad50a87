import { GetTopicAttributesCommand, NotFoundException, type SNSClient } from "@aws-sdk/client-sns";

/** How many hear of what a topic is told. */
export interface Subscriptions {
  readonly confirmed: number;
  /** Who was asked, and has not answered. */
  readonly pending: number;
}

export interface Topics {
  /** @returns undefined where the topic is not there */
  subscriptions(topicArn: string): Promise<Subscriptions | undefined>;
}

/** Asks SNS about topics. */
export function createTopics(client: SNSClient): Topics {
  return {
    async subscriptions(TopicArn) {
      const answer = await client
        .send(new GetTopicAttributesCommand({ TopicArn }))
        .catch((error: unknown) => {
          if (error instanceof NotFoundException) return undefined;
          throw error;
        });
      // SNS gives numbers as text.
      const count = (attribute: string) => Number(answer?.Attributes?.[attribute] ?? 0);
      return answer && { confirmed: count("SubscriptionsConfirmed"), pending: count("SubscriptionsPending") };
    },
  };
}
