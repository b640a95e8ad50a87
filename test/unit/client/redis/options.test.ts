import { expect, test } from "vitest";
import { type RotatingRedisOptions, readOptions } from "../../../../client/src/redis/options.ts";
import { ConfigError } from "../../../../shared/contract/errors.ts";

const secretId = "orders/cache";

function problemsOf(options: object): readonly string[] {
  try {
    readOptions(options as RotatingRedisOptions, {});
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("what ioredis takes is passed on, what is ours is not", () => {
  const settings = readOptions({ secretId, host: "cache.internal", db: 2, drainTimeoutMs: 1 }, {});
  expect(settings.redis).toEqual({ host: "cache.internal", db: 2 });
  expect(settings).toMatchObject({ drainTimeoutMs: 1, authWaitMs: 30_000, verify: undefined });
});

test.each([
  ["username", { username: "orders" }],
  ["password", { password: "EXAMPLE" }],
  ["sentinels", { sentinels: [{ host: "s", port: 26379 }] }],
  ["Connector", { Connector: class {} }],
  ["verify", { verify: "SELECT 1" }],
  ["secretId", { secretId: "" }],
])("names %s where it is not to be had", (key, options) => {
  const problems = problemsOf({ secretId, ...options });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(new RegExp(`^${key}: `));
});

test("lists every problem at once", () => {
  expect(problemsOf({ password: "EXAMPLE", sentinels: [], authWaitMs: -1 })).toHaveLength(4);
});
