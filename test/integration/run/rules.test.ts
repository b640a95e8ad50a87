import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { compileEventPattern } from "../../../local/aws/events/event-pattern.ts";
import { packageStack } from "../../../local/package-stack.ts";
import { readStack } from "../../../local/stack/resources.ts";
import { loadTemplate } from "../../../local/stack/template.ts";
import { packagedStack } from "./local-run.ts";

interface Sample {
  readonly detail: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}
const events = new URL("../../../events/", import.meta.url);
const sample = (path: string): Sample => JSON.parse(readFileSync(new URL(`${path}.json`, events), "utf8"));
const sampleWith = (path: string, detail: object, fields: object = {}): Sample => {
  const event = sample(path);
  return { ...event, ...fields, detail: { ...event.detail, ...detail } };
};

/** The rules of a template that an event matches, each with the queues that it goes to. */
function rulesOf(template: unknown): (event: unknown) => Record<string, string[]> {
  const place = { accountId: "000000000000", region: "us-east-1" };
  const { resources } = loadTemplate(template, {
    place,
    stackName: "keyturn-test",
    queueUrl: (name) => `http://127.0.0.1/000000000000/${name}`,
  });
  const rules = readStack(resources).rules.flatMap(({ name, properties: { EventPattern, Targets = [] } }) =>
    EventPattern
      ? [{ name, matches: compileEventPattern(EventPattern), targets: Targets.map(({ Id }) => Id) }]
      : [],
  );
  return (event) =>
    Object.fromEntries(
      rules
        .filter(({ matches }) => matches(event))
        .map(({ name, targets }) => [name.replace("keyturn-test-", ""), targets]),
    );
}

const handlers = ["notify", "verify", "redeploy"];

describe("as deployed by default", () => {
  const rules = rulesOf(packagedStack().template);

  test.each([
    ["secret-label-updated", { "secret-label-updated": handlers }],
    ["rotation-succeeded", { "rotation-succeeded": handlers }],
    ["rotation-succeeded-service-event-details", { "rotation-succeeded": handlers }],
    ["put-secret-value", { "secret-api-call": handlers }],
    ["put-secret-value-by-name", { "secret-api-call": handlers }],
    ["update-secret", { "secret-api-call": handlers }],
    ["update-secret-version-stage", { "secret-api-call": handlers }],
    ["credential-rotated", { "credential-rotated": handlers }],
    ["credential-rotated-vault", { "credential-rotated": handlers }],
    ["db-instance-credentials-reset", { "credentials-reset": ["reconcile"] }],
    ["db-cluster-credentials-reset", { "credentials-reset": ["reconcile"] }],
    ["parameter-created", { "parameter-changed": ["reconcile"] }],
    ["parameter-updated", { "parameter-changed": ["reconcile"] }],
  ])("sends %s to its handlers once", (name, expected) => {
    expect(rules(sample(`sources/${name}`))).toEqual(expected);
  });

  test("sends what reconcile found to the handlers, and not to measure", () => {
    const found = { ...sample("sources/credential-rotated-reconcile"), source: "keyturn.test" };
    expect(rules(found)).toEqual({ "credential-rotated": handlers });
    expect(rules({ ...found, source: "keyturn.prod" })).toEqual({});
  });

  test("sends a run of reconcile that goes on back to it, and not to measure", () => {
    const detail = { v: 1, after: "", again: [], part: 2 };
    const continued = { source: "keyturn.test", "detail-type": "Reconcile Continued", detail };
    expect(rules(continued)).toEqual({ "reconcile-continued": ["reconcile"] });
    expect(rules({ ...continued, source: "keyturn.prod" })).toEqual({});
    expect(rules({ ...continued, source: "keyturn" })).toEqual({});
  });

  test("sends a credential that is accepted after another verdict to redeploy, and a first one not", () => {
    const first = { ...sample("domain/credential-verified"), source: "keyturn.test" };
    expect(rules(first)).toEqual({ "domain-events": ["measure"] });
    const later = { ...first, detail: { ...first.detail, previousVerdict: "unreachable" } };
    expect(rules(later)).toEqual({
      "domain-events": ["measure"],
      "credential-verified-later": ["redeploy"],
    });
    expect(rules({ ...later, source: "keyturn.prod" })).toEqual({});
  });

  test.each(readdirSync(new URL("attempts/", events)))("sends attempts/%s to measure alone", (name) => {
    expect(rules(sample(`attempts/${name.replace(".json", "")}`))).toEqual({
      "rotation-attempt": ["measure"],
    });
  });

  test.each([
    ["a label of one's own", sampleWith("sources/secret-label-updated", { labelUpdated: "canary" })],
    [
      "PutSecretValue of a pending version",
      sampleWith("sources/put-secret-value", {
        requestParameters: { secretId: "orders/db", versionStages: ["AWSPENDING"] },
      }),
    ],
    ["a call that failed", sampleWith("sources/update-secret", { errorCode: "AccessDenied" })],
    ["a call that moves nothing", sampleWith("sources/update-secret", { eventName: "DeleteSecret" })],
    [
      "a move of another label",
      sampleWith("sources/update-secret-version-stage", {
        requestParameters: { secretId: "orders/db", versionStage: "canary", moveToVersionId: "x" },
      }),
    ],
    ["a rotation that began", sampleWith("sources/rotation-succeeded", { eventName: "RotationStarted" })],
    [
      "another event of RDS",
      sampleWith("sources/db-instance-credentials-reset", { EventID: "RDS-EVENT-0067" }),
    ],
    ["a parameter that is no secret", sampleWith("sources/parameter-updated", { type: "String" })],
    ["a parameter that is deleted", sampleWith("sources/parameter-updated", { operation: "Delete" })],
    ["another event of one's own", sampleWith("sources/credential-rotated", {}, { "detail-type": "Other" })],
  ])("lets %s pass by", (_, event) => {
    expect(rules(event)).toEqual({});
  });
});

describe("with watchedPrefixes", () => {
  let rules: ReturnType<typeof rulesOf>;
  beforeAll(async () => {
    const packaged = await packageStack("test", "us-east-1", { watchedPrefixes: "orders/, shared/" });
    rules = rulesOf(packaged.template);
    await packaged.remove();
  });

  test.each([
    "sources/secret-label-updated",
    "sources/rotation-succeeded",
    "sources/put-secret-value",
    "sources/put-secret-value-by-name",
    "sources/update-secret-version-stage",
    "sources/parameter-updated",
    "attempts/rotation-failed",
  ])("lets %s through where its secret is watched, and only then", (name) => {
    expect(Object.keys(rules(sample(name)))).toHaveLength(1);
    const other: unknown = JSON.parse(JSON.stringify(sample(name)).replaceAll("orders/", "billing/"));
    expect(rules(other)).toEqual({});
  });
});

test("a prefix with a wildcard in it is refused, with what to give instead", async () => {
  await expect(packageStack("test", "us-east-1", { watchedPrefixes: "prod/*" })).rejects.toThrow(
    /watchedPrefixes has prod\/\*; give beginnings of names/,
  );
});
