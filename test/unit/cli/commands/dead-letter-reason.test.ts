import { expect, test } from "vitest";
import type { DeadLetter } from "../../../../cli/src/aws/dead-letters.ts";
import { explainDeadLetter } from "../../../../cli/src/commands/dead-letter-reason.ts";
import { formatDeadLetters } from "../../../../cli/src/commands/replay.ts";
import type { QueueName } from "../../../../cli/src/place/stage-names.ts";
import swapped from "../../../../events/domain/instance-swapped.json" with { type: "json" };
import report from "../../../../events/messages/report-swapped.json" with { type: "json" };
import succeeded from "../../../../events/sources/rotation-succeeded.json" with { type: "json" };
import labelUpdated from "../../../../events/sources/secret-label-updated.json" with { type: "json" };
import { STAGE } from "../fixtures.ts";

const letter = (body: string, attributes: DeadLetter["attributes"] = {}): DeadLetter => ({
  messageId: "m-1",
  sentAt: "2026-11-20T11:00:00.000Z",
  body,
  attributes,
});

test.each<[QueueName, object]>([
  ["notify", labelUpdated],
  ["verify", succeeded],
  ["measure", swapped],
  ["reports", { ...report, topicKey: "orders:db-OurebW" }],
])("a message of %s that is valid failed in its handler, and may succeed", (queue, message) => {
  const reason = explainDeadLetter(queue, letter(JSON.stringify(message)));
  expect(reason).toMatchObject({ canSucceed: true, secretArn: expect.stringContaining("orders/db") });
  expect(reason.reason).toContain("the handler failed on it each time");
});

test("a report that came on the topic of another secret fails again", () => {
  const forged = letter(JSON.stringify({ ...report, topicKey: "billing:db-AbCdEf" }));
  expect(explainDeadLetter("reports", forged)).toMatchObject({
    canSucceed: false,
    reason: expect.stringContaining("came on one that ends in billing:db-AbCdEf"),
  });
});

test("what EventBridge could not deliver has its reason in the attributes", () => {
  const undelivered = letter(JSON.stringify(labelUpdated), {
    ERROR_CODE: "NO_PERMISSIONS",
    ERROR_MESSAGE: "The queue's policy does not let events in",
  });
  expect(explainDeadLetter("notify", undelivered)).toMatchObject({
    canSucceed: true,
    reason: "EventBridge could not deliver it: NO_PERMISSIONS, The queue's policy does not let events in",
  });
});

test("what IoT Core could not send on is not replayed with success", () => {
  const body = JSON.stringify({
    ruleName: "keyturn_prod_reports",
    base64OriginalPayload: "e30=",
    failures: [{ failedAction: "SqsAction", errorMessage: "access denied" }],
  });
  expect(explainDeadLetter("reports", letter(body))).toMatchObject({
    canSucceed: false,
    reason: "IoT Core could not send it on: access denied. The instance reports again",
  });
});

test.each(["no JSON", "{}", '"text"', "null", '{"detail-type":"Something","source":"x"}'])(
  "what no handler can read says what is wrong with it: %s",
  (body) => {
    const reason = explainDeadLetter("notify", letter(body));
    expect(reason.canSucceed).toBe(false);
    expect(reason.reason).not.toBe("");
  },
);

test("dead letters are a table under their count", () => {
  const reasons = [
    explainDeadLetter("notify", letter("no JSON")),
    explainDeadLetter("notify", letter(JSON.stringify(labelUpdated))),
  ];
  expect(formatDeadLetters("notify", 12, reasons, STAGE).join("\n")).toBe(`\
12 messages in keyturn-prod-notify-dead-letters, given up by notify; the first 2:
MESSAGE  SENT                      SECRET     VERSION   AGAIN        REASON
m-1      2026-11-20T11:00:00.000Z  –          –         fails        Message is not JSON
m-1      2026-11-20T11:00:00.000Z  orders/db  00000000  may succeed  the handler failed on it each time; its log has the reason under this messageId
keyturn replay notify --stage prod sends all of them back.`);
  expect(formatDeadLetters("notify", 0, [], STAGE)).toEqual(["keyturn-prod-notify-dead-letters is empty."]);
});
