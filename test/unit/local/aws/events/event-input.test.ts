import { describe, expect, it } from "vitest";
import { compileEventInput, type EventInputOptions } from "../../../../../local/aws/events/event-input.ts";

const event = {
  version: "0",
  id: "1",
  "detail-type": "Instance State",
  source: "my.app",
  account: "000000000000",
  time: "2026-11-20T03:00:00Z",
  region: "us-east-1",
  resources: ["arn:one", "arn:two"],
  detail: { instance: "i-01", state: 'RUN"NING', count: 2, tags: { a: "x" }, list: [{ id: 1 }, { id: 2 }] },
} as const;

const context = {
  ruleArn: "arn:aws:events:us-east-1:000000000000:rule/r",
  ruleName: "r",
  ingestedAt: new Date("2026-11-20T03:00:01.234Z"),
};

const transform = (options: EventInputOptions) => compileEventInput(options)(event, context);
const template = (InputTemplate: string, InputPathsMap: Record<string, string> = {}) =>
  transform({ InputTransformer: { InputTemplate, InputPathsMap } });

describe("input of a target", () => {
  it("is the whole event without settings", () => {
    expect(JSON.parse(transform({}))).toEqual(event);
  });

  it("is a constant as it was written", () => {
    expect(transform({ Input: '{"a": 1}' })).toBe('{"a": 1}');
  });

  it.each([
    ["$", event],
    ["$.detail", event.detail],
    ["$.detail-type", "Instance State"],
    ["$.detail.tags.a", "x"],
    ["$.resources[1]", "arn:two"],
    ["$.resources[*]", ["arn:one", "arn:two"]],
    ["$.detail.list[*].id", [1, 2]],
    ["$.detail.missing", null],
  ])("is the part at %s", (InputPath, expected) => {
    expect(JSON.parse(transform({ InputPath }))).toEqual(expected);
  });
});

describe("input transformer", () => {
  const paths = {
    instance: "$.detail.instance",
    state: "$.detail.state",
    tags: "$.detail.tags",
    gone: "$.detail.gone",
  };

  it("fills text", () => {
    expect(template('"instance <instance> has <tags>"', paths)).toBe('"instance i-01 has {a:x}"');
  });

  it("escapes text inside quotation marks", () => {
    expect(JSON.parse(template('{"s": "is <state>"}', paths))).toEqual({ s: 'is RUN"NING' });
  });

  it("fills JSON values, strings with their quotation marks", () => {
    expect(JSON.parse(template('{"i": <instance>, "t": <tags>, "s": [9, <state>, true]}', paths))).toEqual({
      i: "i-01",
      t: { a: "x" },
      s: [9, 'RUN"NING', true],
    });
  });

  it("knows escaped quotation marks from real ones", () => {
    expect(JSON.parse(template('{"s": "instance \\"<instance>\\""}', paths))).toEqual({
      s: 'instance "i-01"',
    });
  });

  it("leaves nothing of a value that the event lacks", () => {
    expect(template('"<gone>!"', paths)).toBe('"!"');
  });

  it("knows the predefined variables", () => {
    const body = template(
      '{"arn": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>, "event": <aws.events.event.json>, "head": <aws.events.event>}',
    );
    const { detail: _, ...head } = event;
    expect(JSON.parse(body)).toEqual({
      arn: context.ruleArn,
      name: "r",
      at: "2026-11-20T03:00:01.234Z",
      event,
      head,
    });
  });
});

describe("input settings are refused", () => {
  it.each<[string, EventInputOptions, string]>([
    ["two at once", { Input: "{}", InputPath: "$" }, "Only one of Input, InputPath, or InputTransformer"],
    ["a constant that is no JSON", { Input: "{" }, "not valid JSON"],
    ["a path without $", { InputPath: "detail" }, 'Invalid JSONPath "detail"'],
    ["a filter in a path", { InputPath: "$.list[?(@.id==1)]" }, "Invalid JSONPath"],
    ["a variable that nobody defined", { InputTransformer: { InputTemplate: '"<typo>"' } }, "names <typo>"],
    [
      "a reserved name",
      { InputTransformer: { InputPathsMap: { "aws.x": "$" }, InputTemplate: '""' } },
      'must not start with "AWS"',
    ],
  ])("%s", (_, options, message) => {
    expect(() => compileEventInput(options)).toThrow(
      expect.objectContaining({ code: "ValidationException", message: expect.stringContaining(message) }),
    );
  });
});
