import * as z from "zod/mini";
import { InvalidMessageError } from "../errors.ts";
import { Instant, parseMessage } from "../message.ts";
import type { RotationEvent } from "../rotation-source.ts";
import { SecretNameOrArn, SecretsManagerArn } from "../secret-id.ts";
import { SecretVersionId } from "./secret-version-id.ts";

/** Where CloudTrail's records name the secret. Records from before February 2024 spell the response's ARN `aRN`. */
const NamedSecret = {
  additionalEventData: z.nullish(z.object({ SecretId: z.optional(SecretsManagerArn) })),
  serviceEventDetails: z.nullish(z.object({ secretId: z.optional(SecretsManagerArn) })),
};

const envelope = { source: z.literal("aws.secretsmanager"), time: Instant };

/** What Secrets Manager did by itself. */
export const ServiceEvent = z.object({
  ...envelope,
  detail: z.object({ ...NamedSecret, eventName: z.string() }),
});

/** What somebody asked of Secrets Manager. */
const ApiCall = z.object({
  ...envelope,
  detail: z.object({
    ...NamedSecret,
    eventName: z.enum(["PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage"]),
    errorCode: z.nullish(z.string()),
    requestParameters: z.nullish(
      z.object({
        secretId: z.optional(SecretNameOrArn),
        clientRequestToken: z.optional(SecretVersionId),
        versionStages: z.nullish(z.array(z.string())),
        versionStage: z.optional(z.string()),
        moveToVersionId: z.nullish(SecretVersionId),
      }),
    ),
    responseElements: z.nullish(
      z.object({
        arn: z.optional(SecretsManagerArn),
        aRN: z.optional(SecretsManagerArn),
        versionId: z.nullish(SecretVersionId),
      }),
    ),
  }),
});
type ApiCall = z.infer<typeof ApiCall>["detail"];

/** RotationSucceeded names no version: whoever acts resolves it by DescribeSecret. */
export function readRotationSucceeded(event: unknown): RotationEvent {
  const { detail, time } = parseMessage("CloudTrail event", ServiceEvent, event);
  if (detail.eventName !== "RotationSucceeded") {
    throw new InvalidMessageError(
      "CloudTrail event is not valid: detail.eventName: of the events of Secrets Manager's own, only RotationSucceeded is a rotation. Narrow the rule's pattern.",
    );
  }
  const secretArn = secretOfServiceEvent(detail);
  if (!secretArn) {
    throw new InvalidMessageError(
      "RotationSucceeded event names no secret in additionalEventData.SecretId or serviceEventDetails.secretId",
    );
  }
  return { secretArn, source: "rotation-succeeded", occurredAt: time };
}

/**
 * An API call counts only where it can have moved AWSCURRENT. Whether UpdateSecret brought a value its record does not
 * say: its token then names a version that never comes to be, and the event is dropped when that is certain.
 */
export function readApiCall(event: unknown): RotationEvent {
  const { detail, time } = parseMessage("CloudTrail event of an API call", ApiCall, event);
  const { eventName, requestParameters, responseElements } = detail;
  if (detail.errorCode) throw notARotation(eventName, "failed, and changed nothing");
  const secretArn =
    responseElements?.arn ??
    responseElements?.aRN ??
    requestParameters?.secretId ??
    secretOfServiceEvent(detail);
  if (!secretArn) {
    throw new InvalidMessageError(
      `${eventName} event names no secret in responseElements.arn or requestParameters.secretId`,
    );
  }
  const versionId = versionOf(detail);
  return {
    secretArn,
    ...(versionId && { versionId }),
    source: SOURCES[eventName],
    occurredAt: time,
  };
}

const SOURCES = {
  PutSecretValue: "put-secret-value",
  UpdateSecret: "update-secret",
  UpdateSecretVersionStage: "update-version-stage",
} as const;

function versionOf({ eventName, requestParameters, responseElements }: ApiCall): string | undefined {
  const { versionStages, versionStage, moveToVersionId, clientRequestToken } = requestParameters ?? {};
  if (eventName === "UpdateSecretVersionStage") {
    if (versionStage !== "AWSCURRENT" || !moveToVersionId) {
      throw notARotation(eventName, "did not move AWSCURRENT to a version");
    }
    return moveToVersionId;
  }
  if (versionStages && !versionStages.includes("AWSCURRENT")) {
    throw notARotation(eventName, "attached other labels than AWSCURRENT");
  }
  return responseElements?.versionId ?? clientRequestToken;
}

export function secretOfServiceEvent(
  detail: Pick<z.infer<typeof ServiceEvent>["detail"], "additionalEventData" | "serviceEventDetails">,
): string | undefined {
  return detail.additionalEventData?.SecretId ?? detail.serviceEventDetails?.secretId;
}

function notARotation(eventName: string, what: string): InvalidMessageError {
  return new InvalidMessageError(`${eventName} ${what}: that is no rotation. Narrow the rule's pattern.`);
}
