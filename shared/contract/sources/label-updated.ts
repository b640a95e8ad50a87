import * as z from "zod/mini";
import { InvalidMessageError } from "../errors.ts";
import { Instant, parseMessage } from "../message.ts";
import type { RotationEvent } from "../rotation-source.ts";
import { SecretsManagerArn } from "../secret-id.ts";
import { SecretVersionId } from "./secret-version-id.ts";

/** Fires for every label but AWSPENDING and AWSPREVIOUS; the ARN is in `resources[0]` only. */
const LabelUpdated = z.object({
  source: z.literal("aws.secretsmanager"),
  time: Instant,
  resources: z.tuple([SecretsManagerArn], z.unknown()),
  detail: z.object({ labelUpdated: z.string(), versionId: SecretVersionId }),
});

/** Secrets Manager's native event: https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html */
export function readLabelUpdated(event: unknown): RotationEvent {
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
