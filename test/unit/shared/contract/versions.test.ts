import { expect, test } from "vitest";
import { parseDomainEvent } from "../../../../shared/contract/domain-event.ts";
import { InvalidMessageError } from "../../../../shared/contract/errors.ts";
import { parseNotice } from "../../../../shared/contract/notice.ts";
import { parseReport } from "../../../../shared/contract/report.ts";

const domainEvent = (detail: unknown) => parseDomainEvent({ "detail-type": "CredentialVerified", detail });

test.each([
  { kind: "notice", parse: (value: unknown) => parseNotice(JSON.stringify(value)) },
  { kind: "report", parse: parseReport },
  { kind: "domain event", parse: domainEvent },
])("refuses a $kind of an unknown version by its number, and one without", ({ parse }) => {
  expect(() => parse({ v: 2, secretArn: "whatever a later version holds" })).toThrow(
    /version 2.*reads version 1/,
  );
  expect(() => parse({})).toThrow(/version none/);
  expect(() => parse({ v: 2 })).toThrow(InvalidMessageError);
});

test("refuses a domain event of an unknown type", () => {
  expect(() => parseDomainEvent({ "detail-type": "CredentialSold", detail: { v: 1 } })).toThrow(
    InvalidMessageError,
  );
});

test("refuses a notice that is not JSON without quoting it", () => {
  expect(() => parseNotice("hunter2")).toThrow("Notice is not JSON");
});

test("names the field of a report that does not fit", () => {
  expect(() => parseReport({ v: 1, secretArn: "orders/db" })).toThrow(
    /secretArn: neither the ARN of a secret/,
  );
});
