import * as z from "zod/mini";
import { InvalidMessageError } from "./errors.ts";
import { parseMessage } from "./message.ts";
import { ServiceEvent, secretOfServiceEvent } from "./sources/cloud-trail.ts";

/**
 * What Secrets Manager tells through CloudTrail of rotations that made no version current, or were only tried out: it is
 * counted, and nobody is notified.
 */
export const ROTATION_ATTEMPTS = [
  "RotationFailed",
  "RotationAbandoned",
  "TestRotationStarted",
  "TestRotationSucceeded",
  "TestRotationFailed",
] as const;
const AttemptType = z.enum(ROTATION_ATTEMPTS);

export interface RotationAttempt {
  readonly type: (typeof ROTATION_ATTEMPTS)[number];
  readonly secretArn: string;
  readonly occurredAt: string;
  /** The same for each delivery of the event. */
  readonly eventId: string;
}

const Envelope = z.object({ "detail-type": z.string(), id: z.string() });

/** Whether the event came through CloudTrail: measure's queue holds Keyturn's own events besides. */
export function isCloudTrailEvent(event: unknown): boolean {
  return z.safeParse(z.object({ "detail-type": z.literal("AWS Service Event via CloudTrail") }), event)
    .success;
}

/**
 * Reads CloudTrail's event of a rotation that did not come about, or of the test of one.
 *
 * @throws InvalidMessageError where it is something else, or names no secret
 * @example parseRotationAttempt(JSON.parse(record.body)).type // "RotationFailed"
 */
export function parseRotationAttempt(event: unknown): RotationAttempt {
  const { id: eventId } = parseMessage("CloudTrail event", Envelope, event);
  const { detail, time } = parseMessage("CloudTrail event", ServiceEvent, event);
  const type = parseMessage("CloudTrail event's name", AttemptType, detail.eventName);
  const secretArn = secretOfServiceEvent(detail);
  if (!secretArn) {
    throw new InvalidMessageError(
      `${type} event names no secret in additionalEventData.SecretId or serviceEventDetails.secretId`,
    );
  }
  return { type, secretArn, occurredAt: time, eventId };
}
