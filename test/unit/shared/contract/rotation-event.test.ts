import { expect, test } from "vitest";
import { InvalidMessageError } from "../../../../shared/contract/errors.ts";
import { parseRotationEvent } from "../../../../shared/contract/rotation-event.ts";

const secretArn = "arn:aws:secretsmanager:us-west-2:123456789012:secret:rds!cluster-abc123-def456";
const versionId = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";
const time = "2026-01-15T03:10:00Z";
const native = (changes: object = {}) => ({
  source: "aws.secretsmanager",
  "detail-type": "Secret Label Updated",
  time,
  resources: [secretArn],
  detail: { name: "n", labelUpdated: "AWSCURRENT", versionId },
  ...changes,
});
const cloudTrail = (detail: object) => ({
  source: "aws.secretsmanager",
  "detail-type": "AWS Service Event via CloudTrail",
  time,
  detail: { eventName: "RotationSucceeded", ...detail },
});

test("reads the native event", () => {
  expect(parseRotationEvent(native())).toEqual({
    secretArn,
    versionId,
    source: "label-updated",
    occurredAt: time,
  });
});

test.each([
  { place: "additionalEventData", detail: { additionalEventData: { SecretId: secretArn } } },
  { place: "serviceEventDetails", detail: { serviceEventDetails: { secretId: secretArn } } },
  {
    place: "serviceEventDetails beside null",
    detail: { additionalEventData: null, serviceEventDetails: { secretId: secretArn } },
  },
])("reads CloudTrail's RotationSucceeded with the secret in $place, without a version", ({ detail }) => {
  expect(parseRotationEvent(cloudTrail(detail))).toEqual({
    secretArn,
    source: "rotation-succeeded",
    occurredAt: time,
  });
});

test.each([
  {
    what: "another label",
    event: native({ detail: { labelUpdated: "MyLabel", versionId } }),
    says: /MyLabel/,
  },
  { what: "no ARN", event: native({ resources: [] }), says: /resources/ },
  {
    what: "no version",
    event: native({ detail: { labelUpdated: "AWSCURRENT" } }),
    says: /detail\.versionId/,
  },
  {
    what: "another event of CloudTrail",
    event: cloudTrail({ eventName: "RotationFailed" }),
    says: /eventName/,
  },
  { what: "no secret", event: cloudTrail({}), says: /names no secret/ },
  {
    what: "another kind of event",
    event: { source: "aws.ec2", "detail-type": "Instance State" },
    says: /Instance State/,
  },
  { what: "no event at all", event: "text", says: /not valid/ },
])("refuses an event with $what, and says so", ({ event, says }) => {
  expect(() => parseRotationEvent(event)).toThrow(InvalidMessageError);
  expect(() => parseRotationEvent(event)).toThrow(says);
});
