import { expect, test } from "vitest";
import * as z from "zod/mini";
import { parseInput } from "../../../../local/aws/aws-input.ts";
import { checkValue } from "../../../../local/aws/check-value.ts";

const wrong = [
  ["nothing", z.string(), undefined, "is missing"],
  ["nothing for a literal", z.literal("a"), undefined, "is missing"],
  ["another type", z.string(), 7, "must be of type string"],
  ["null", z.optional(z.boolean()), null, "must be of type boolean"],
  ["a fraction for an integer", z.int(), 1.5, "must be of type integer"],
  ["a text for a record", z.record(z.string(), z.string()), "x", "must be of type object"],
  ["a text for a tuple", z.tuple([z.string()]), "x", "must be of type array"],
  ["another literal", z.literal("ECS"), "x", "must be ECS"],
  ["none of an enum", z.enum(["a", "b"]), "x", "must be one of a, b"],
  ["a pattern's mismatch", z.string().check(z.regex(/^a+$/)), "x", "must match /^a+$/"],
  ["a short text", z.string().check(z.minLength(2)), "x", "must have at least 2 characters"],
  ["an empty text", z.string().check(z.minLength(1)), "", "must have at least 1 character"],
  ["a long text", z.string().check(z.maxLength(2)), "xxx", "must have at most 2 characters"],
  ["a short list", z.array(z.string()).check(z.minLength(1)), [], "must have at least 1 item"],
  ["a long list", z.array(z.string()).check(z.maxLength(2)), ["", "", ""], "must have at most 2 items"],
  ["a small number", z.number().check(z.gte(5)), 4, "must be at least 5"],
  ["a large number", z.number().check(z.lte(5)), 6, "must be at most 5"],
  ["an exclusive lower limit", z.number().check(z.gt(5)), 5, "must be more than 5"],
  ["an exclusive upper limit", z.number().check(z.lt(5)), 5, "must be less than 5"],
  ["no multiple", z.number().check(z.multipleOf(5)), 6, "must be a multiple of 5"],
  [
    "none of a union",
    z.union([z.number(), z.array(z.string())]),
    "x",
    "must be of type number or must be of type array",
  ],
  ["a schema's own message", z.string().check(z.regex(/^a/, "begins with a")), "x", "begins with a"],
  ["a refinement without a message", z.string().check(z.refine(() => false)), "x", "is not valid"],
] as const;

test.for(wrong)("says what is wrong with %s", ([, schema, value, problem]) => {
  const member = z.object({ outer: z.array(z.object({ member: schema })) });
  expect(checkValue(schema, value)).toEqual({ isValid: false, problems: [problem] });
  expect(checkValue(member, { outer: [{ member: value }] })).toEqual({
    isValid: false,
    problems: [`outer.0.member: ${problem}`],
  });
});

test("names every problem, and what a strict schema does not know, by its path", () => {
  const schema = z.strictObject({ a: z.string(), b: z.strictObject({ c: z.optional(z.number()) }) });
  expect(checkValue(schema, { b: { d: 1, e: 2 }, f: 3 })).toEqual({
    isValid: false,
    problems: [
      "a: is missing",
      "the local run does not support b.d, b.e",
      "the local run does not support f",
    ],
  });
});

test("answers the schema's output where the value fits", () => {
  const schema = z.pipe(z.string(), z.transform(Number));
  expect(checkValue(schema, "7")).toEqual({ isValid: true, value: 7 });
});

test("words what AWS has no wording for in an operation's input too", () => {
  const schema = z.object({ Size: z.union([z.number(), z.boolean()]) });
  expect(() => parseInput(schema, { Size: "x" })).toThrow(
    "Value at 'size' failed to satisfy constraint: must be of type number or must be of type boolean",
  );
});
