import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { InvalidMessageError } from "../../../../shared/contract/errors.ts";
import { parseReconcileMessage } from "../../../../shared/contract/reconcile-message.ts";

const sample = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../../events/sources/${name}.json`, import.meta.url), "utf8"));

test("reads that it is time", () => {
  expect(parseReconcileMessage({ source: "aws.events", "detail-type": "Scheduled Event" })).toEqual({});
});

test.each(["db-instance-credentials-reset", "parameter-updated"])("reads %s, to be resolved", (name) => {
  const { secretArn, sign } = parseReconcileMessage(sample(name));
  expect(sign?.secretArn).toBe(secretArn);
});

test("refuses a sign that names its secret: handing it on would make one rotation of it after another", () => {
  expect(() => parseReconcileMessage(sample("credential-rotated"))).toThrow(InvalidMessageError);
  expect(() => parseReconcileMessage(sample("secret-label-updated"))).toThrow(/notify, verify and redeploy/);
});

const continued = (detail: object) => ({
  source: "keyturn.prod",
  "detail-type": "Reconcile Continued",
  detail: { v: 1, after: "vault:kv/app/db", again: [], part: 2, ...detail },
});

test("reads where a run goes on", () => {
  expect(parseReconcileMessage(continued({}))).toEqual({
    continued: { v: 1, after: "vault:kv/app/db", again: [], part: 2 },
  });
});

test.each([{ v: 2 }, { part: 0 }, { again: ["no ARN"] }, { after: 1 }])(
  "refuses an event of its own that it does not understand: %j",
  (detail) => {
    expect(() => parseReconcileMessage(continued(detail))).toThrow(InvalidMessageError);
  },
);
