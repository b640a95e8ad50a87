import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { InvalidMessageError } from "../../../../shared/contract/errors.ts";
import { isCloudTrailEvent, parseRotationAttempt } from "../../../../shared/contract/rotation-attempt.ts";

const read = (path: string) =>
  JSON.parse(readFileSync(new URL(`../../../../events/${path}.json`, import.meta.url), "utf8"));
const failed = read("attempts/rotation-failed");

test("reads a rotation that failed, with what tells its deliveries from another's", () => {
  expect(isCloudTrailEvent(failed)).toBe(true);
  expect(parseRotationAttempt(failed)).toEqual({
    type: "RotationFailed",
    secretArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-OurebW",
    occurredAt: "2026-11-01T10:00:00Z",
    eventId: failed.id,
  });
});

test.each([
  { what: "a rotation that succeeded", event: read("sources/rotation-succeeded") },
  { what: "one without a secret", event: { ...failed, detail: { eventName: "RotationFailed" } } },
  { what: "Keyturn's own event", event: read("domain/rotation-noticed") },
  { what: "no event at all", event: 7 },
])("refuses $what", ({ event }) => {
  expect(() => parseRotationAttempt(event)).toThrow(InvalidMessageError);
});
