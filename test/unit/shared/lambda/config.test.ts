import { expect, test } from "vitest";
import * as z from "zod/mini";
import { ConfigError } from "../../../../shared/contract/errors.ts";
import { commaList, positiveWhole, readConfig, requiredText } from "../../../../shared/lambda/config.ts";

const schema = z.object({ TABLE: requiredText, TIMEOUT_MS: positiveWhole, CLUSTERS: commaList });

test("reads text, milliseconds and lists", () => {
  expect(readConfig(schema, { TABLE: "t", TIMEOUT_MS: "250", CLUSTERS: "a, b,," })).toEqual({
    TABLE: "t",
    TIMEOUT_MS: 250,
    CLUSTERS: ["a", "b"],
  });
});

test("lists every bad key in one error", () => {
  expect(() => readConfig(schema, { TIMEOUT_MS: "soon", CLUSTERS: "" })).toThrow(ConfigError);
  expect(() => readConfig(schema, { TIMEOUT_MS: "soon", CLUSTERS: "" })).toThrow(
    /TABLE: is missing; TIMEOUT_MS: is not a number; CLUSTERS: is empty/,
  );
});
