import { describe, expect, it } from "vitest";
import { secretArn } from "../../../../../local/aws/secrets/secret-arn.ts";
import { labelUpdatedEvent, rotationSucceededEvent } from "../../../../../local/aws/secrets/secret-events.ts";
import { parseRotationEvent } from "../../../../../shared/contract/rotation-event.ts";

const place = { accountId: "000000000000", region: "us-east-1" };
const arn = secretArn(place, "orders/db");
const versionId = "11111111-1111-4111-8111-111111111111";
const at = new Date("2026-11-20T03:00:00.987Z");

describe("events of Secrets Manager", () => {
  it("tells of a label move as the rotation that the contract reads", () => {
    const event = labelUpdatedEvent(
      place,
      { arn, name: "orders/db" },
      { stage: "AWSCURRENT", versionId },
      at,
    );
    expect(parseRotationEvent(event)).toEqual({
      secretArn: arn,
      versionId,
      source: "label-updated",
      occurredAt: "2026-11-20T03:00:00Z",
    });
  });

  it("tells of a label of one's own, too", () => {
    const event = labelUpdatedEvent(place, { arn, name: "orders/db" }, { stage: "canary", versionId }, at);
    expect(event).toMatchObject({
      resources: [arn],
      detail: { name: "orders/db", labelUpdated: "canary", versionId },
    });
  });

  it.each(["AWSPENDING", "AWSPREVIOUS"])("keeps moves of %s to itself", (stage) => {
    expect(labelUpdatedEvent(place, { arn, name: "orders/db" }, { stage, versionId }, at)).toBeUndefined();
  });

  it("tells of the end of a rotation without a version, as CloudTrail does", () => {
    expect(parseRotationEvent(rotationSucceededEvent(place, arn, at))).toEqual({
      secretArn: arn,
      source: "rotation-succeeded",
      occurredAt: "2026-11-20T03:00:00Z",
    });
  });
});

describe("secretArn", () => {
  it("gives a name the same six characters in every run", () => {
    expect(arn).toMatch(/^arn:aws:secretsmanager:us-east-1:000000000000:secret:orders\/db-[A-Za-z0-9]{6}$/);
    expect(secretArn(place, "orders/db")).toBe(arn);
    expect(secretArn(place, "orders/db2").slice(-6)).not.toBe(arn.slice(-6));
  });
});
