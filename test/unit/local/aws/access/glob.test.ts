import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { globsOverlap, matchesGlob } from "../../../../../local/aws/access/glob.ts";

describe("matchesGlob", () => {
  it.each([
    ["*", "", true],
    ["*", "anything", true],
    ["a*c", "abbbc", true],
    ["a*c", "ac", true],
    ["a*c", "abcd", false],
    ["a*b*c", "a-b-b-c", true],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["", "", true],
    ["", "a", false],
    ["Get*", "getItem", false],
  ])("%s against %s gives %s", (pattern, text, expected) => {
    expect(matchesGlob(pattern, text)).toBe(expected);
  });

  it("agrees with the same pattern as a regular expression", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 6 });
    fc.assert(
      fc.property(pattern, text, (glob, value) => {
        const expression = new RegExp(`^${glob.replaceAll("*", ".*").replaceAll("?", ".")}$`);
        expect(matchesGlob(glob, value)).toBe(expression.test(value));
      }),
    );
  });
});

describe("globsOverlap", () => {
  it.each([
    ["a*", "*b", true],
    ["a*", "b*", false],
    ["table/x/index/*", "table/*", true],
    ["table/x", "queue/*", false],
    ["a?", "ab", true],
    ["a", "a*b", false],
  ])("%s and %s give %s", (left, right, expected) => {
    expect(globsOverlap(left, right)).toBe(expected);
    expect(globsOverlap(right, left)).toBe(expected);
  });
});
