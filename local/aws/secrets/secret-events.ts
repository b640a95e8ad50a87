import { randomUUID } from "node:crypto";
import { type AwsEvent, createAwsEvent, toWholeSeconds } from "../events/aws-event.ts";
import type { AwsPlace } from "../service.ts";
import type { LabelMove } from "./secret-versions.ts";

const SOURCE = "aws.secretsmanager";
const SERVICE = "secretsmanager.amazonaws.com";

/** Labels whose moves Secrets Manager keeps to itself. */
const silentLabels: ReadonlySet<string> = new Set(["AWSPENDING", "AWSPREVIOUS"]);

/**
 * The native event of a label move; undefined for labels that send none.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html
 */
export function labelUpdatedEvent(
  place: AwsPlace,
  secret: { readonly arn: string; readonly name: string },
  move: LabelMove,
  at: Date,
): AwsEvent | undefined {
  if (silentLabels.has(move.stage)) return undefined;
  return createAwsEvent(
    place,
    {
      source: SOURCE,
      detailType: "Secret Label Updated",
      resources: [secret.arn],
      detail: { name: secret.name, labelUpdated: move.stage, versionId: move.versionId },
    },
    at,
  );
}

export type RecordedCall = "PutSecretValue" | "UpdateSecret" | "UpdateSecretVersionStage";

/** What CloudTrail never records of a call. */
const valueFields: ReadonlySet<string> = new Set(["SecretString", "SecretBinary"]);

/**
 * The event that CloudTrail sends of a call that changed a secret, some seconds after it on AWS. The request stands there
 * in the API's fields with a small first letter, without the value.
 */
export function apiCallEvent(
  place: AwsPlace,
  secretArn: string,
  eventName: RecordedCall,
  input: Readonly<Record<string, unknown>>,
  at: Date,
): AwsEvent {
  const requestParameters = Object.fromEntries(
    Object.entries(input)
      .filter(([name, value]) => value !== undefined && !valueFields.has(name))
      .map(([name, value]) => [`${name[0]?.toLowerCase()}${name.slice(1)}`, value]),
  );
  return createAwsEvent(
    place,
    {
      source: SOURCE,
      detailType: "AWS API Call via CloudTrail",
      detail: {
        eventVersion: "1.09",
        userIdentity: { type: "AssumedRole", accountId: place.accountId },
        eventTime: toWholeSeconds(at),
        eventSource: SERVICE,
        eventName,
        awsRegion: place.region,
        sourceIPAddress: "127.0.0.1",
        userAgent: "keyturn-local",
        requestParameters,
        responseElements: { arn: secretArn },
        requestID: randomUUID(),
        eventID: randomUUID(),
        readOnly: false,
        eventType: "AwsApiCall",
        managementEvent: true,
        recipientAccountId: place.accountId,
        eventCategory: "Management",
      },
    },
    at,
  );
}

/** The event that CloudTrail sends after the last step of a rotation. It names no version. */
export function rotationSucceededEvent(place: AwsPlace, secretArn: string, at: Date): AwsEvent {
  return createAwsEvent(
    place,
    {
      source: SOURCE,
      detailType: "AWS Service Event via CloudTrail",
      detail: {
        eventVersion: "1.08",
        userIdentity: { accountId: place.accountId, invokedBy: SERVICE },
        eventTime: toWholeSeconds(at),
        eventSource: SERVICE,
        eventName: "RotationSucceeded",
        awsRegion: place.region,
        sourceIPAddress: SERVICE,
        userAgent: SERVICE,
        requestParameters: null,
        responseElements: null,
        additionalEventData: { SecretId: secretArn },
        requestID: `Rotation-${secretArn}-${randomUUID()}`,
        eventID: randomUUID(),
        readOnly: false,
        eventType: "AwsServiceEvent",
        managementEvent: true,
        recipientAccountId: place.accountId,
        eventCategory: "Management",
      },
    },
    at,
  );
}
