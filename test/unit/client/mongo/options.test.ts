import { expect, test } from "vitest";
import { type RotatingClientOptions, readOptions } from "../../../../client/src/mongo/options.ts";
import { ConfigError } from "../../../../shared/contract/errors.ts";

const secretId = "orders/db";

function problemsOf(options: object): readonly string[] {
  try {
    readOptions(options as RotatingClientOptions, {});
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("a secret id is enough", () => {
  expect(readOptions({ secretId }, {})).toMatchObject({
    drainTimeoutMs: 30_000,
    pingTimeoutMs: 5_000,
    verify: undefined,
    client: {},
  });
});

test("what MongoClient takes is passed on, what is ours is not", () => {
  const { client, defaults } = readOptions(
    { secretId, host: "db.example", database: "shop", maxPoolSize: 7, retryWrites: false, drainTimeoutMs: 1 },
    {},
  );
  expect(client).toEqual({ maxPoolSize: 7, retryWrites: false });
  expect(defaults).toMatchObject({ host: "db.example", database: "shop" });
});

test.each([
  ["no secret id", {}, "secretId"],
  ["a login", { secretId, auth: { username: "u" } }, "auth"],
  ["a connection string with a user", { secretId, uri: "mongodb://u@h/" }, "uri"],
  ["a connection string of another store", { secretId, uri: "postgres://h/" }, "uri"],
  ["no time to answer", { secretId, pingTimeoutMs: 0 }, "pingTimeoutMs"],
  ["a port out of range", { secretId, port: 70_000 }, "port"],
  ["what the driver does not know", { secretId, maxPolSize: 5 }, "options of MongoClient"],
])("refuses %s", (_what, options, key) => {
  expect(problemsOf(options)).toEqual([expect.stringMatching(new RegExp(`^${key}: .`))]);
});
