import { expect, test } from "vitest";
import { type RotatingPoolOptions, readOptions } from "../../../../client/src/mysql/options.ts";
import { ConfigError } from "../../../../shared/contract/errors.ts";

const secretId = "orders/db";

function problemsOf(options: object): readonly string[] {
  try {
    readOptions(options as RotatingPoolOptions, {});
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("a secret id is enough", () => {
  expect(readOptions({ secretId }, {})).toMatchObject({
    secretId,
    verify: undefined,
    warmUp: true,
    pool: {},
  });
});

test("what mysql2 takes is passed on, what is ours is not", () => {
  const verify = async () => undefined;
  const given = { connectionLimit: 7, maxIdle: 3, host: "db.example", namedPlaceholders: true };
  const settings = readOptions({ secretId, ...given, drainTimeoutMs: 1, warmUp: false, verify }, {});
  expect(settings).toMatchObject({ drainTimeoutMs: 1, warmUp: false, verify });
  expect(settings.pool).toEqual(given);
});

test("no limit of connections is an option, as with mysql2", () => {
  expect(problemsOf({ secretId, connectionLimit: 0 })).toEqual([]);
});

test.each<[string, object, string]>([
  ["no secret id", { secretId: undefined }, "secretId"],
  ["a negative limit", { connectionLimit: -1 }, "connectionLimit"],
  ["a user", { user: "x" }, "user"],
  ["a password", { password: "EXAMPLE" }, "password"],
  ["a password by its other name", { password1: "EXAMPLE" }, "password1"],
  ["a password's digest", { passwordSha1: "EXAMPLE" }, "passwordSha1"],
  ["a connection string", { uri: "mysql://x" }, "uri"],
  ["a pool", { pool: {} }, "pool"],
  ["one stream for all connections", { stream: {} }, "stream"],
  ["a check that cannot be called", { verify: true }, "verify"],
  ["a warm-up that is no boolean", { warmUp: 1 }, "warmUp"],
])("refuses %s, and quotes no value", (_what, options, key) => {
  const problems = problemsOf({ secretId, ...options });
  expect(problems).toEqual([expect.stringMatching(new RegExp(`^${key}: .`))]);
  expect(problems.join()).not.toContain("EXAMPLE");
});
