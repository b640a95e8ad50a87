import { expect, test } from "vitest";
import { InvalidMessageError } from "../../../../shared/contract/errors.ts";
import { parseReport } from "../../../../shared/contract/report.ts";

const REPORT = {
  v: 1,
  secretArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-AbCdEf",
  versionId: "11111111-1111-4111-8111-111111111111",
  instanceId: "host-1:42",
  service: "Bestellungen für Köln 📦",
  outcome: "rejected",
  trigger: "notice",
  occurredAt: "2026-11-20T10:00:00.000Z",
  timings: {},
  reason: { code: "28P01", message: "The store refused user or password" },
};

test("takes names and reasons as people write them", () => {
  expect(parseReport(REPORT)).toEqual(REPORT);
});

const CLEAR_SCREEN = "\u001b[2J";

test.each([
  { changes: { service: `orders${CLEAR_SCREEN}` }, names: "service" },
  { changes: { service: "orders\u202egnp" }, names: "service" },
  { changes: { instanceId: "host\r\nkeyturn: all is well" }, names: "instanceId" },
  { changes: { instanceId: "host\u009b2J" }, names: "instanceId" },
  { changes: { versionId: `${REPORT.versionId}${CLEAR_SCREEN}` }, names: "versionId" },
  { changes: { reason: { ...REPORT.reason, code: CLEAR_SCREEN } }, names: "reason.code" },
])(
  "what could rewrite an operator's terminal is refused by the field's name: $names",
  ({ changes, names }) => {
    const parse = () => parseReport({ ...REPORT, ...changes });
    expect(parse).toThrow(InvalidMessageError);
    expect(parse).toThrow(`${names}: has control or formatting characters`);
  },
);

test("a code is no essay", () => {
  expect(() => parseReport({ ...REPORT, reason: { code: "x".repeat(65), message: "" } })).toThrow(
    "reason.code",
  );
});

test("a message is cut and cleaned, since drivers may quote what they like in it, and the report counts all the same", () => {
  const message = `refused${CLEAR_SCREEN}\nby ${"x".repeat(5_000)}`;
  const { reason } = parseReport({ ...REPORT, reason: { code: "1045", message } });
  expect(reason?.message).toMatch(/^refused \[2J by x+$/);
  expect(reason?.message).toHaveLength(1_000);
});
