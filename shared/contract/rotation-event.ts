import * as z from "zod/mini";
import { InvalidMessageError } from "./errors.ts";
import { Instant, parseMessage, SecretArn, VersionId } from "./message.ts";

/** One rotation as Keyturn sees it, whichever source told of it. */
export interface RotationEvent {
  readonly secretArn: string;
  /** Absent where the source names no version (CloudTrail): whoever acts resolves it by DescribeSecret. */
  readonly versionId?: string;
  readonly source: "label-updated" | "rotation-succeeded";
  /** When it happened, from the event's envelope: EventBridge gives whole seconds. */
  readonly occurredAt: string;
}

/** Fires for every label but AWSPENDING and AWSPREVIOUS; the ARN is in `resources[0]` only. */
const LabelUpdated = z.object({
  "detail-type": z.literal("Secret Label Updated"),
  source: z.literal("aws.secretsmanager"),
  time: Instant,
  resources: z.tuple([SecretArn], z.unknown()),
  detail: z.object({ labelUpdated: z.string(), versionId: VersionId }),
});

/** CloudTrail names the secret in one of two places, and no version at all. */
const RotationSucceeded = z.object({
  "detail-type": z.literal("AWS Service Event via CloudTrail"),
  source: z.literal("aws.secretsmanager"),
  time: Instant,
  detail: z.object({
    eventName: z.literal("RotationSucceeded"),
    additionalEventData: z.nullish(z.object({ SecretId: z.optional(SecretArn) })),
    serviceEventDetails: z.nullish(z.object({ secretId: z.optional(SecretArn) })),
  }),
});

const Envelope = z.object({ source: z.string(), "detail-type": z.string() });

/**
 * Reads an EventBridge event that tells of a rotation.
 *
 * @throws InvalidMessageError where the event is of another kind, or lacks what its kind must have
 * @example parseRotationEvent(JSON.parse(record.body)).secretArn
 */
export function parseRotationEvent(event: unknown): RotationEvent {
  const envelope = parseMessage("Rotation event", Envelope, event);
  switch (envelope["detail-type"]) {
    case "Secret Label Updated": {
      const { detail, resources, time } = parseMessage("Secret Label Updated event", LabelUpdated, event);
      if (detail.labelUpdated !== "AWSCURRENT") {
        throw new InvalidMessageError(
          `Secret Label Updated event moved the label ${detail.labelUpdated}; only AWSCURRENT is a rotation. Narrow the rule's pattern.`,
        );
      }
      return {
        secretArn: resources[0],
        versionId: detail.versionId,
        source: "label-updated",
        occurredAt: time,
      };
    }
    case "AWS Service Event via CloudTrail": {
      const { detail, time } = parseMessage("RotationSucceeded event", RotationSucceeded, event);
      const secretArn = detail.additionalEventData?.SecretId ?? detail.serviceEventDetails?.secretId;
      if (!secretArn) {
        throw new InvalidMessageError(
          "RotationSucceeded event names no secret in additionalEventData.SecretId or serviceEventDetails.secretId",
        );
      }
      return { secretArn, source: "rotation-succeeded", occurredAt: time };
    }
    default:
      throw new InvalidMessageError(
        `Event of type "${envelope["detail-type"]}" from ${envelope.source} is not a rotation event`,
      );
  }
}
