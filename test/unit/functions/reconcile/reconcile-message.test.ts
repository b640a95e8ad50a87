import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseReconcileMessage } from "../../../../functions/reconcile/reconcile-message.ts";
import { InvalidMessageError } from "../../../../shared/contract/errors.ts";

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
