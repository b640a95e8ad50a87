import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { InvalidMessageError } from "../../../../shared/contract/errors.ts";
import { parseRotationEvent } from "../../../../shared/contract/rotation-event.ts";

interface Sample {
  readonly detail: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}
const sample = (name: string): Sample =>
  JSON.parse(readFileSync(new URL(`../../../../events/sources/${name}.json`, import.meta.url), "utf8"));
/** The sample with other fields in its detail. */
const sampleWith = (name: string, detail: object): Sample => {
  const event = sample(name);
  return { ...event, detail: { ...event.detail, ...detail } };
};

const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-OurebW";
const versionId = "00000000-0000-4000-8000-000000000001";
const occurredAt = "2026-11-01T10:00:00Z";

describe("CloudTrail's API calls", () => {
  test.each([
    ["put-secret-value", "put-secret-value"],
    ["put-secret-value-by-name", "put-secret-value"],
    ["update-secret", "update-secret"],
    ["update-secret-version-stage", "update-version-stage"],
  ])("reads %s", (name, source) => {
    expect(parseRotationEvent(sample(name))).toEqual({ secretArn, versionId, source, occurredAt });
  });

  test("takes the secret's name where that is all there is", () => {
    const event = sampleWith("put-secret-value-by-name", { responseElements: null });
    expect(parseRotationEvent(event)).toMatchObject({ secretArn: "orders/db" });
  });

  test("takes the version from the response rather than from the request", () => {
    const other = "00000000-0000-4000-8000-000000000002";
    const event = sampleWith("update-secret", { responseElements: { arn: secretArn, versionId: other } });
    expect(parseRotationEvent(event).versionId).toBe(other);
  });

  test("leaves the version open where neither names it", () => {
    const event = sampleWith("put-secret-value", { requestParameters: { secretId: secretArn } });
    expect(parseRotationEvent(event)).toEqual({ secretArn, source: "put-secret-value", occurredAt });
  });

  test("counts PutSecretValue with AWSCURRENT among its labels", () => {
    const requestParameters = {
      secretId: secretArn,
      clientRequestToken: versionId,
      versionStages: ["mine", "AWSCURRENT"],
    };
    expect(parseRotationEvent(sampleWith("put-secret-value", { requestParameters })).versionId).toBe(
      versionId,
    );
  });

  test.each([
    {
      what: "PutSecretValue that attaches AWSPENDING alone",
      event: sampleWith("put-secret-value", {
        requestParameters: {
          secretId: secretArn,
          clientRequestToken: versionId,
          versionStages: ["AWSPENDING"],
        },
      }),
      says: /other labels than AWSCURRENT/,
    },
    {
      what: "UpdateSecretVersionStage of another label",
      event: sampleWith("update-secret-version-stage", {
        requestParameters: { secretId: secretArn, versionStage: "canary", moveToVersionId: versionId },
      }),
      says: /did not move AWSCURRENT/,
    },
    {
      what: "UpdateSecretVersionStage that takes AWSCURRENT away only",
      event: sampleWith("update-secret-version-stage", {
        requestParameters: {
          secretId: secretArn,
          versionStage: "AWSCURRENT",
          removeFromVersionId: versionId,
        },
      }),
      says: /did not move AWSCURRENT/,
    },
    {
      what: "a call that failed",
      event: sampleWith("put-secret-value", { errorCode: "AccessDenied", responseElements: null }),
      says: /failed, and changed nothing/,
    },
    {
      what: "a call that names no secret",
      event: sampleWith("put-secret-value", { requestParameters: null, responseElements: null }),
      says: /names no secret/,
    },
    {
      what: "a call that cannot move a label",
      event: sampleWith("put-secret-value", { eventName: "DeleteSecret" }),
      says: /eventName/,
    },
  ])("refuses $what, and says so", ({ event, says }) => {
    expect(() => parseRotationEvent(event)).toThrow(InvalidMessageError);
    expect(() => parseRotationEvent(event)).toThrow(says);
  });
});

describe("RDS", () => {
  test.each([
    ["db-instance-credentials-reset", "arn:aws:rds:us-east-1:000000000000:db:orders-db"],
    ["db-cluster-credentials-reset", "arn:aws:rds:us-east-1:000000000000:cluster:orders-cluster"],
  ])("reads %s, which names the database alone", (name, databaseArn) => {
    expect(parseRotationEvent(sample(name))).toEqual({
      secretArn: databaseArn,
      source: "credentials-reset",
      occurredAt: "2026-11-01T10:00:00.747Z",
    });
  });

  test("refuses a reset that failed", () => {
    const event = sampleWith("db-instance-credentials-reset", { EventID: "RDS-EVENT-0067" });
    expect(() => parseRotationEvent(event)).toThrow(/RDS-EVENT-0016/);
  });
});

describe("Parameter Store", () => {
  const parameterArn = "arn:aws:ssm:us-east-1:000000000000:parameter/orders/api-key";

  test.each(["parameter-created", "parameter-updated"])("reads %s, which names no version", (name) => {
    const read = { secretArn: parameterArn, source: "parameter-changed", occurredAt };
    expect(parseRotationEvent(sample(name))).toEqual(read);
  });

  test.each([
    { what: "a deletion", detail: { operation: "Delete" } },
    { what: "a change that failed", detail: { exception: "Unable to Describe Resource" } },
  ])("refuses $what", ({ detail }) => {
    expect(() => parseRotationEvent(sampleWith("parameter-updated", detail))).toThrow(/no new value/);
  });
});

describe("an event of one's own", () => {
  const own = (detail: object, source = "keyturn") => ({ ...sample("credential-rotated"), source, detail });
  const vault = { v: 1, secretId: "vault:kv/app/prod/db", versionId: "17" };

  test.each([
    { what: "the ARN of a secret", detail: { v: 1, secretArn, versionId }, names: secretArn },
    {
      what: "the ARN of a secret as its id",
      detail: { v: 1, secretId: secretArn, versionId },
      names: secretArn,
    },
    { what: "the name of a secret", detail: { v: 1, secretId: "orders/db", versionId }, names: "orders/db" },
    { what: "an id of one's own", detail: vault, names: "vault:kv/app/prod/db" },
    {
      what: "a parameter and its version number",
      detail: { v: 1, secretArn: "arn:aws:ssm:us-east-1:000000000000:parameter/key", versionId: "7" },
      names: "arn:aws:ssm:us-east-1:000000000000:parameter/key",
    },
  ])("may name $what", ({ detail, names }) => {
    expect(parseRotationEvent(own(detail))).toEqual({
      secretArn: names,
      versionId: detail.versionId,
      source: "credential-rotated",
      occurredAt,
    });
  });

  test("says when the version became current, where that is not when it is sent", () => {
    const at = "2026-11-01T09:59:58.250Z";
    expect(parseRotationEvent(own({ ...vault, occurredAt: at })).occurredAt).toBe(at);
  });

  test("says what reconcile found it by", () => {
    expect(parseRotationEvent(sample("credential-rotated-reconcile")).source).toBe("reconcile");
  });

  test("says so by the stage's own source alone: others cannot have a move handled once more", () => {
    const found = { ...vault, detectedBy: "reconcile" };
    expect(parseRotationEvent(own(found, "keyturn")).source).toBe("credential-rotated");
    expect(parseRotationEvent(own(found, "keyturn.prod")).source).toBe("reconcile");
  });

  test.each([
    { what: "both ids", event: own({ ...vault, secretArn }), says: /one of secretArn and secretId/ },
    { what: "no id", event: own({ v: 1, versionId }), says: /one of secretArn and secretId/ },
    { what: "no version", event: own({ v: 1, secretArn }), says: /versionId/ },
    {
      what: "another secret's form of version",
      event: own({ v: 1, secretArn, versionId: "17" }),
      says: /versionId/,
    },
    { what: "a space in its version", event: own({ ...vault, versionId: "1 7" }), says: /without spaces/ },
    { what: "a later form", event: own({ ...vault, v: 2 }), says: /version 2/ },
    { what: "an id of no kind", event: own({ ...vault, secretId: "a b" }), says: /secretId/ },
    { what: "a stranger's source", event: own(vault, "keyturned"), says: /must be keyturn/ },
    {
      what: "an impossible source of detection",
      event: own({ ...vault, detectedBy: "label-updated" }),
      says: /detectedBy/,
    },
  ])("is refused with $what", ({ event, says }) => {
    expect(() => parseRotationEvent(event)).toThrow(InvalidMessageError);
    expect(() => parseRotationEvent(event)).toThrow(says);
  });
});
