import { checkResourcePolicy } from "../access/resource-policy.ts";
import type { EventDelivery } from "../event-bridge.ts";
import type { AwsPlace } from "../service.ts";

export interface QueueDeliveryDeps {
  readonly place: AwsPlace;
  /**
   * Puts a message into a queue. Rejects with the SDK's error where it cannot.
   *
   * @param attributes string message attributes
   */
  readonly sendMessage: (
    queueArn: string,
    body: string,
    attributes: Readonly<Record<string, string>>,
  ) => Promise<unknown>;
  /** The queue's policy document; undefined where it has none. */
  readonly queuePolicy: (queueArn: string) => unknown;
  /** Told of each delivery that failed for good, whether or not a dead-letter queue took the event. */
  readonly onFailure?: (ruleName: string) => void;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** Why an event did not reach its target, in EventBridge's words. */
interface DeliveryFailure {
  readonly code: "NO_PERMISSIONS" | "NO_RESOURCE" | "INVALID_PARAMETER" | "SDK_CLIENT_ERROR";
  readonly message: string;
}

/**
 * Delivers events to queues as EventBridge does: only where the queue's policy lets it, on behalf of the rule.
 * What cannot be delivered goes to the target's dead-letter queue, under that queue's own policy, or is dropped.
 * EventBridge retries a busy target for 24 hours; a local queue is never busy, so that every failure is final.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
 */
export function createQueueDelivery({ place, sendMessage, queuePolicy, onFailure, log }: QueueDeliveryDeps) {
  const send = async (
    ruleArn: string,
    queueArn: string,
    body: string,
    attributes: Readonly<Record<string, string>>,
  ): Promise<DeliveryFailure | undefined> => {
    if (queueArn.split(":")[2] !== "sqs") {
      return {
        code: "INVALID_PARAMETER",
        message: `The local run delivers to SQS queues only, not to ${queueArn}.`,
      };
    }
    const isAllowed = checkResourcePolicy(queuePolicy(queueArn), {
      principalService: "events.amazonaws.com",
      action: "sqs:SendMessage",
      resource: queueArn,
      context: {
        "aws:SourceArn": ruleArn,
        "aws:SourceAccount": place.accountId,
        "aws:SecureTransport": "true",
      },
    });
    if (!isAllowed) {
      return {
        code: "NO_PERMISSIONS",
        message: `The policy of ${queueArn} does not allow events.amazonaws.com to perform sqs:SendMessage for ${ruleArn}.`,
      };
    }
    try {
      await sendMessage(queueArn, body, attributes);
      return undefined;
    } catch (error) {
      const isMissing = error instanceof Error && /NonExistentQueue|QueueDoesNotExist/.test(error.name);
      return { code: isMissing ? "NO_RESOURCE" : "SDK_CLIENT_ERROR", message: String(error) };
    }
  };

  return async ({ rule, target, event, body }: EventDelivery): Promise<void> => {
    const failure = await send(rule.arn, target.arn, body, {});
    if (!failure) return;
    onFailure?.(rule.name);
    const fields = { rule: rule.name, target: target.arn, eventId: event.id, ...failure };
    if (target.deadLetterArn === undefined) {
      log("Event was dropped: it could not be delivered, and the target has no dead-letter queue", fields);
      return;
    }
    const deadLetterFailure = await send(rule.arn, target.deadLetterArn, body, {
      RULE_ARN: rule.arn,
      TARGET_ARN: target.arn,
      ERROR_CODE: failure.code,
      ERROR_MESSAGE: failure.message,
    });
    if (deadLetterFailure) {
      log("Event was dropped: neither the target nor its dead-letter queue took it", {
        ...fields,
        deadLetterError: deadLetterFailure.message,
      });
    } else {
      log("Event could not be delivered, and went to the dead-letter queue", fields);
    }
  };
}
