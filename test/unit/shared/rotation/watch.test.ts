import { expect, test } from "vitest";
import { isWatched } from "../../../../shared/rotation/watch.ts";

const secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:prod/orders-AbCdEf";
const parameter = "arn:aws:ssm:us-east-1:000000000000:parameter/prod/key";
const vault = "vault:kv/app/prod/db";
const team = [{ key: "team", value: "orders" }];

test("watches everything where nothing is given", () => {
  for (const id of [secret, parameter, vault]) expect(isWatched({ prefixes: [], tags: [] }, id)).toBe(true);
});

test.each([
  { prefixes: ["prod/"], watched: [secret, parameter] },
  { prefixes: ["/prod/"], watched: [parameter] },
  { prefixes: ["stage/", "vault:kv/app/"], watched: [vault] },
  { prefixes: ["Prod/"], watched: [] },
])("with the prefixes $prefixes watches what is under one of them", ({ prefixes, watched }) => {
  expect([secret, parameter, vault].filter((id) => isWatched({ prefixes, tags: [] }, id))).toEqual(watched);
});

test("with tags watches secrets that have one of them, and nothing that has no tags to read", () => {
  const watch = { prefixes: [], tags: [...team, { key: "team", value: "billing" }] };
  expect(isWatched(watch, secret, { team: "billing" })).toBe(true);
  expect(isWatched(watch, secret, { team: "other" })).toBe(false);
  expect(isWatched(watch, secret)).toBe(false);
  expect(isWatched(watch, parameter)).toBe(false);
  expect(isWatched(watch, vault)).toBe(false);
});

test("with both, a secret must fit both", () => {
  const watch = { prefixes: ["prod/", "vault:"], tags: team };
  expect(isWatched(watch, secret, { team: "orders" })).toBe(true);
  expect(isWatched(watch, secret, {})).toBe(false);
  expect(isWatched(watch, secret.replace("prod", "dev"), { team: "orders" })).toBe(false);
  expect(isWatched(watch, vault)).toBe(true);
});
