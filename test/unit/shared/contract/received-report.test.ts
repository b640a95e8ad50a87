import { expect, test } from "vitest";
import sample from "../../../../events/messages/report-swapped.json" with { type: "json" };
import { InvalidMessageError } from "../../../../shared/contract/errors.ts";
import { parseReceivedReport } from "../../../../shared/contract/received-report.ts";
import { topicKey } from "../../../../shared/contract/topics.ts";

const refusalOf = (value: unknown) => {
  try {
    parseReceivedReport(value);
  } catch (error) {
    if (error instanceof InvalidMessageError) return error.message;
    throw error;
  }
  return "read";
};

test.each([
  sample.secretArn,
  "arn:aws:ssm:us-east-1:000000000000:parameter/prod/db",
  "vault:kv/app/prod/db",
  `arn:aws:secretsmanager:us-east-1:000000000000:secret:${"long/".repeat(60)}db-AbCdEf`,
])("reads a report that came on the topic of its secret: %s", (secretArn) => {
  const report = { ...sample, secretArn };
  expect(parseReceivedReport({ ...report, topicKey: topicKey(secretArn) })).toEqual(report);
});

test.each([
  ["on the topic of another secret", { topicKey: "billing:db-AbCdEf" }, "may not report for that secret"],
  ["on a topic that only begins alike", { topicKey: "orders:db" }, "may not report for that secret"],
  ["past the IoT rule", {}, "topicKey"],
  ["with a list for a topic", { topicKey: [topicKey(sample.secretArn)] }, "topicKey"],
])("refuses a report that came %s", (_how, fields, why) => {
  expect(refusalOf({ ...sample, ...fields })).toContain(why);
});
