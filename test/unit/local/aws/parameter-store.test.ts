import { beforeEach, expect, test } from "vitest";
import type { AwsEvent } from "../../../../local/aws/events/aws-event.ts";
import { createParameterStore } from "../../../../local/aws/parameter-store.ts";
import type { AwsInput } from "../../../../local/aws/service.ts";
import { parseRotationEvent } from "../../../../shared/contract/rotation-event.ts";

const place = { accountId: "000000000000", region: "us-east-1" };
const caller = { accessKeyId: "AKIAOPERATOR", name: "operator" };
const now = new Date("2026-11-20T03:00:00Z");
const secure = { Name: "/orders/key", Value: "first-EXAMPLE", Type: "SecureString" };
let events: AwsEvent[];
let call: (operation: string, input: AwsInput) => unknown;

beforeEach(() => {
  events = [];
  const { service } = createParameterStore({ place, now: () => now, emit: (event) => events.push(event) });
  call = (operation, input) => service.operations[operation]?.run(input, caller);
});

test("a change is told of as the native event, without the value", () => {
  call("PutParameter", secure);
  call("PutParameter", { ...secure, Value: "second-EXAMPLE", Overwrite: true });
  expect(events.map(({ detail }) => detail.operation)).toEqual(["Create", "Update"]);
  expect(parseRotationEvent(events[1]).secretArn).toBe(
    "arn:aws:ssm:us-east-1:000000000000:parameter/orders/key",
  );
  expect(JSON.stringify(events)).not.toContain("EXAMPLE");
});

test("version and time of a parameter are told by its name, its value is not", () => {
  call("PutParameter", secure);
  call("PutParameter", { ...secure, Overwrite: true });
  const ParameterFilters = [{ Key: "Name", Option: "Equals", Values: ["/orders/key"] }];
  expect(call("DescribeParameters", { ParameterFilters })).toEqual({
    Parameters: [
      {
        Name: "/orders/key",
        ARN: "arn:aws:ssm:us-east-1:000000000000:parameter/orders/key",
        Type: "SecureString",
        Version: 2,
        LastModifiedDate: now.getTime() / 1_000,
      },
    ],
  });
});

test("parameters are listed by type and by the beginning of their names", () => {
  call("PutParameter", secure);
  call("PutParameter", { ...secure, Name: "/orders/color", Type: "String" });
  call("PutParameter", { ...secure, Name: "/billing/key" });
  const ParameterFilters = [
    { Key: "Type", Option: "Equals", Values: ["SecureString"] },
    { Key: "Name", Option: "BeginsWith", Values: ["orders/", "/orders/"] },
  ];
  expect(call("DescribeParameters", { ParameterFilters })).toMatchObject({
    Parameters: [{ Name: "/orders/key" }],
  });
});

test("a parameter that is there is not overwritten unasked", () => {
  call("PutParameter", secure);
  expect(() => call("PutParameter", secure)).toThrow("already exists");
});
