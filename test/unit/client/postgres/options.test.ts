import { expect, test } from "vitest";
import { type RotatingPoolOptions, readOptions } from "../../../../client/src/postgres/options.ts";
import { ConfigError } from "../../../../shared/contract/errors.ts";

const secretId = "orders/db";

function problemsOf(options: object, env: NodeJS.ProcessEnv = {}): readonly string[] {
  try {
    readOptions(options as RotatingPoolOptions, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("a secret id is enough", () => {
  expect(readOptions({ secretId }, {})).toEqual({
    secretId,
    channel: undefined,
    service: undefined,
    drainTimeoutMs: 30_000,
    authWaitMs: 30_000,
    maxLoginTries: 5,
    tryPending: false,
    refreshIntervalMs: 300_000,
    verify: undefined,
    warmUp: true,
    environment: undefined,
    pool: {},
  });
});

test("the environment fills in what options leave out, options win", () => {
  const env = {
    KEYTURN_CHANNEL_URL: "mqtt://broker.example:1883",
    KEYTURN_TOPIC_PREFIX: "keyturn/prod",
    KEYTURN_SERVICE: "orders",
    DB_SECRET_REFRESH_INTERVAL_MS: "60000",
  };
  expect(readOptions({ secretId, service: "billing" }, env)).toMatchObject({
    channel: { url: "mqtt://broker.example:1883", topicPrefix: "keyturn/prod" },
    service: "billing",
    refreshIntervalMs: 60_000,
  });
});

test("empty variables count as absent", () => {
  const env = { KEYTURN_CHANNEL_URL: "", DB_SECRET_REFRESH_INTERVAL_MS: "" };
  expect(readOptions({ secretId }, env)).toMatchObject({ channel: undefined, refreshIntervalMs: 300_000 });
});

test("what pg.Pool takes is passed on, what is ours is not", () => {
  const { pool } = readOptions({ secretId, max: 7, maxUses: 3, host: "db.example", drainTimeoutMs: 1 }, {});
  expect(pool).toEqual({ max: 7, maxUses: 3, host: "db.example" });
});

test.each<[string, object, NodeJS.ProcessEnv, string]>([
  ["no secret id", {}, {}, "secretId"],
  ["an empty secret id", { secretId: "" }, {}, "secretId"],
  ["a channel that is no MQTT URL", { secretId, channelUrl: "http://x" }, {}, "channelUrl"],
  ["a channel without a topic prefix", { secretId, channelUrl: "mqtt://x" }, {}, "topicPrefix"],
  ["a topic prefix with a wildcard", { secretId, topicPrefix: "keyturn/#" }, {}, "topicPrefix"],
  ["a topic prefix that ends in a slash", { secretId, topicPrefix: "keyturn/" }, {}, "topicPrefix"],
  ["no time to drain", { secretId, drainTimeoutMs: 0 }, {}, "drainTimeoutMs"],
  ["a timer that Node cannot set", { secretId, authWaitMs: 2 ** 31 }, {}, "authWaitMs"],
  ["no login tries", { secretId, maxLoginTries: 0 }, {}, "maxLoginTries"],
  [
    "an interval that is no number",
    { secretId },
    { DB_SECRET_REFRESH_INTERVAL_MS: "5m" },
    "refreshIntervalMs",
  ],
  ["a pool without connections", { secretId, max: 0 }, {}, "max"],
  ["a user", { secretId, user: "x" }, {}, "user"],
  ["a password", { secretId, password: "EXAMPLE" }, {}, "password"],
  ["a connection string", { secretId, connectionString: "postgres://x" }, {}, "connectionString"],
])("refuses %s", (_what, options, env, key) => {
  expect(problemsOf(options, env)).toEqual([expect.stringMatching(new RegExp(`^${key}: .`))]);
});

test("names every bad key at once, and no value", () => {
  const problems = problemsOf({ password: "EXAMPLE", max: -1, authWaitMs: "soon" });
  expect(problems.map((problem) => problem.split(":")[0]).sort()).toEqual([
    "authWaitMs",
    "max",
    "password",
    "secretId",
  ]);
  expect(problems.join()).not.toContain("EXAMPLE");
});
