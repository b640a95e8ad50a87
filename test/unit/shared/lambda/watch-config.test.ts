import { expect, test } from "vitest";
import * as z from "zod/mini";
import { readConfig } from "../../../../shared/lambda/config.ts";
import { watchOf, watchVariables } from "../../../../shared/lambda/watch-config.ts";

const read = (environment: NodeJS.ProcessEnv) => watchOf(readConfig(z.object(watchVariables), environment));

test.each([{}, { WATCHED_PREFIXES: "", WATCHED_TAGS: "" }])("reads %j as everything", (environment) => {
  expect(read(environment)).toEqual({ prefixes: [], tags: [] });
});

test("reads prefixes and tags; a tag's value may hold an equals sign", () => {
  expect(read({ WATCHED_PREFIXES: "prod/, shared/,", WATCHED_TAGS: "team=orders,key=a=b,empty=" })).toEqual({
    prefixes: ["prod/", "shared/"],
    tags: [
      { key: "team", value: "orders" },
      { key: "key", value: "a=b" },
      { key: "empty", value: "" },
    ],
  });
});

test("refuses a tag without a value, and says what is wrong", () => {
  expect(() => read({ WATCHED_TAGS: "team" })).toThrow(/WATCHED_TAGS.*is not key=value/);
});
