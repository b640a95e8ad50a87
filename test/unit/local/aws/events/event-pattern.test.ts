import { describe, expect, it } from "vitest";
import { compileEventPattern, parseEventPattern } from "../../../../../local/aws/events/event-pattern.ts";

const event = {
  version: "0",
  id: "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
  "detail-type": "Secret Label Updated",
  source: "aws.secretsmanager",
  account: "000000000000",
  time: "2026-11-20T03:00:00Z",
  region: "us-east-1",
  resources: ["arn:one", "arn:two"],
  detail: {
    name: "prod/orders/db",
    state: "running",
    count: 5,
    ratio: 301.8,
    ok: true,
    nothing: null,
    empty: "",
    address: "10.0.0.33",
    address6: "2001:db8::7",
    path: "/opt/lib/file*.png",
    tags: ["a", "b"],
    none: [],
    nested: { deep: { value: 1 } },
    employees: [{ first: "Anna", last: "Smith", badge: 7 }, [{ first: "Peter", last: "Jones" }]],
  },
};

const detail = (fields: object) => ({ detail: fields });

describe("event patterns match", () => {
  it.each<[string, object]>([
    ["an exact string", { source: ["aws.secretsmanager"] }],
    ["one of several strings", { source: ["other", "aws.secretsmanager"] }],
    ["an exact number", detail({ count: [5] })],
    ["a number in another notation", detail({ ratio: [3.018e2] })],
    ["an exact boolean", detail({ ok: [true] })],
    ["null", detail({ nothing: [null] })],
    ["an empty string", detail({ empty: [""] })],
    ["all fields together", { source: ["aws.secretsmanager"], detail: { state: ["running"], count: [5] } }],
    ["any element of an array", { resources: ["arn:two"] }],
    ["a prefix", detail({ name: [{ prefix: "prod/" }] })],
    ["a prefix in any case", detail({ name: [{ prefix: { "equals-ignore-case": "PROD/" } }] })],
    ["a suffix", detail({ path: [{ suffix: ".png" }] })],
    ["a suffix in any case", detail({ path: [{ suffix: { "equals-ignore-case": ".PNG" } }] })],
    ["a string in any case", detail({ state: [{ "equals-ignore-case": "RUNNING" }] })],
    ["a wildcard", detail({ path: [{ wildcard: "/opt/*/file*" }] })],
    ["an escaped asterisk", detail({ path: [{ wildcard: "*file\\*.png" }] })],
    ["anything but a string", detail({ state: [{ "anything-but": "stopped" }] })],
    ["anything but several strings", detail({ state: [{ "anything-but": ["stopped", "failed"] }] })],
    ["anything but a number", detail({ count: [{ "anything-but": 6 }] })],
    ["anything but a string, of a number", detail({ count: [{ "anything-but": "5" }] })],
    ["anything but one element of an array", detail({ tags: [{ "anything-but": "a" }] })],
    ["anything but a prefix", detail({ state: [{ "anything-but": { prefix: "init" } }] })],
    ["anything but several prefixes", detail({ state: [{ "anything-but": { prefix: ["init", "stop"] } }] })],
    ["anything but a suffix", detail({ path: [{ "anything-but": { suffix: ".jpg" } }] })],
    ["anything but a wildcard", detail({ path: [{ "anything-but": { wildcard: "*/bin/*" } }] })],
    [
      "anything but a string in any case",
      detail({ state: [{ "anything-but": { "equals-ignore-case": "STOPPED" } }] }),
    ],
    ["a number equal", detail({ ratio: [{ numeric: ["=", 301.8] }] })],
    ["a number above", detail({ count: [{ numeric: [">", 4] }] })],
    ["a number in a range", detail({ count: [{ numeric: [">", 0, "<=", 5] }] })],
    ["a field that exists", detail({ count: [{ exists: true }] })],
    ["a field that does not exist", detail({ missing: [{ exists: false }] })],
    ["an object is no leaf, so does not exist", detail({ nested: [{ exists: false }] })],
    ["an empty array has no leaf, so does not exist", detail({ none: [{ exists: false }] })],
    ["a field of an absent object that does not exist", detail({ gone: { field: [{ exists: false }] } })],
    ["a value, or its absence", detail({ missing: ["x", { exists: false }] })],
    ["an IPv4 block", detail({ address: [{ cidr: "10.0.0.0/24" }] })],
    ["an IPv6 block", detail({ address6: [{ cidr: "2001:db8::/32" }] })],
    ["objects in arrays, arrays of arrays too", detail({ employees: { first: ["Peter"] } })],
    ["two fields of the same array element", detail({ employees: { first: ["Anna"], last: ["Smith"] } })],
    [
      "an element that lacks a field",
      detail({ employees: { first: ["Peter"], badge: [{ exists: false }] } }),
    ],
    ["one alternative of $or", { $or: [{ source: ["other"] }, { detail: { count: [5] } }] }],
    [
      "$or beside other fields, nested",
      {
        source: ["aws.secretsmanager"],
        detail: { $or: [{ count: [1] }, { state: ["running"], $or: [{ ok: [true] }, { ok: [false] }] }] },
      },
    ],
  ])("%s", (_, pattern) => {
    expect(compileEventPattern(pattern)(event)).toBe(true);
  });
});

describe("event patterns do not match", () => {
  it.each<[string, object]>([
    ["another string", { source: ["aws.ecs"] }],
    ["a number for a string", { version: [0] }],
    ["a string for a number", detail({ count: ["5"] })],
    ["the string null for null", detail({ nothing: ["null"] })],
    ["where one field of several differs", detail({ state: ["running"], count: [6] })],
    ["a prefix of a number", detail({ count: [{ prefix: "5" }] })],
    ["a string in another case", detail({ state: ["Running"] })],
    ["a wildcard that does not fit", detail({ path: [{ wildcard: "/opt/*.jpg" }] })],
    ["an escaped asterisk where there is none", detail({ name: [{ wildcard: "prod\\*" }] })],
    ["a dot in a wildcard, as any character", detail({ address: [{ wildcard: "10x0*" }] })],
    ["anything but the very value", detail({ state: [{ "anything-but": ["running"] }] })],
    ["anything but a prefix that it has", detail({ state: [{ "anything-but": { prefix: ["x", "run"] } }] })],
    ["anything but, where the field is absent", detail({ missing: [{ "anything-but": "x" }] })],
    ["a number outside a range", detail({ count: [{ numeric: [">", 0, "<", 5] }] })],
    ["a range of a string", detail({ name: [{ numeric: [">", 0] }] })],
    ["a field that should exist", detail({ missing: [{ exists: true }] })],
    ["a field that should not exist", detail({ count: [{ exists: false }] })],
    ["an address outside a block", detail({ address: [{ cidr: "10.0.1.0/24" }] })],
    ["text in a block", detail({ name: [{ cidr: "10.0.0.0/8" }] })],
    ["two fields of different array elements", detail({ employees: { first: ["Anna"], last: ["Jones"] } })],
    ["no alternative of $or", { $or: [{ source: ["other"] }, { detail: { count: [6] } }] }],
    ["an object where the pattern has a leaf", detail({ nested: [1] })],
    ["a leaf where the pattern has an object", detail({ state: { inner: ["running"] } })],
    ["a member of Object.prototype", { constructor: [{ exists: true }] }],
  ])("%s", (_, pattern) => {
    expect(compileEventPattern(pattern)(event)).toBe(false);
  });
});

describe("event patterns are refused", () => {
  it.each<[string, unknown, string]>([
    ["an array", [], "Filter is not an object"],
    ["an empty object", {}, "Empty objects are not allowed"],
    ["an empty object inside", detail({}), 'Empty objects are not allowed at "detail"'],
    ["an empty array", detail({ state: [] }), 'Empty arrays are not allowed at "detail.state"'],
    [
      "a value without its array",
      detail({ state: "running" }),
      '"detail.state" must be an object or an array',
    ],
    [
      "an array in an array",
      detail({ state: [["running"]] }),
      'Match value must be String, number, true, false, or null at "detail.state"',
    ],
    [
      "an unknown operator",
      detail({ state: [{ contains: "x" }] }),
      'Unrecognized match type contains at "detail.state"',
    ],
    ["two operators in one", detail({ state: [{ prefix: "a", suffix: "b" }] }), "Only one key allowed"],
    [
      "a prefix that is no string",
      detail({ state: [{ prefix: 1 }] }),
      "prefix match pattern must be a string",
    ],
    ["exists that is no boolean", detail({ state: [{ exists: "true" }] }), "must be either true or false"],
    ["mixed anything-but", detail({ state: [{ "anything-but": ["a", 1] }] }), "mixed type is not supported"],
    [
      "an empty anything-but",
      detail({ state: [{ "anything-but": [] }] }),
      "either all values are number or string",
    ],
    [
      "anything-but of a boolean",
      detail({ state: [{ "anything-but": true }] }),
      "neither are null and booleans",
    ],
    [
      "anything-but of a range",
      detail({ state: [{ "anything-but": { numeric: [">", 1] } }] }),
      "Unsupported anything-but pattern: numeric",
    ],
    [
      "anything-but of an empty prefix",
      detail({ state: [{ "anything-but": { prefix: "" } }] }),
      "Null prefix/suffix not allowed",
    ],
    ["consecutive wildcards", detail({ path: [{ wildcard: "a**b" }] }), "Consecutive wildcard characters"],
    ["a wrong escape", detail({ path: [{ wildcard: "a\\b" }] }), "Invalid escape character"],
    ["an empty range", detail({ count: [{ numeric: [">", 5, "<", 5] }] }), "Bottom must be less than top"],
    ["a range from above", detail({ count: [{ numeric: ["<", 5, ">", 1] }] }), "Too many elements"],
    ["a range without a number", detail({ count: [{ numeric: [">", "5"] }] }), "must be numeric"],
    [
      "an unknown comparison",
      detail({ count: [{ numeric: ["!=", 5] }] }),
      "Unrecognized numeric range operator: !=",
    ],
    ["a wrong mask", detail({ address: [{ cidr: "10.0.0.0/33" }] }), "Malformed CIDR"],
    ["no mask", detail({ address: [{ cidr: "10.0.0.0" }] }), "Malformed CIDR"],
    ["$or of one", { $or: [{ source: ["a"] }] }, "at least 2 Objects in $or"],
    ["$or of values", { $or: ["a", "b"] }, "Only JSON object is allowed in array of $or"],
    ["$or that is no array", { $or: { source: ["a"] } }, "must be an Array followed with $or"],
    [
      "an operator inside $or",
      { detail: { $or: [{ prefix: ["a"] }, { name: ["b"] }] } },
      'inside $or at "detail"',
    ],
  ])("%s", (_, pattern, reason) => {
    expect(() => compileEventPattern(pattern)).toThrow(
      expect.objectContaining({
        code: "InvalidEventPatternException",
        message: expect.stringContaining(`Event pattern is not valid. Reason: `),
      }),
    );
    expect(() => compileEventPattern(pattern)).toThrow(reason);
  });

  it("text that is not JSON", () => {
    expect(() => parseEventPattern("{bad")).toThrow("Event pattern is not valid. Reason: Invalid JSON");
  });
});
