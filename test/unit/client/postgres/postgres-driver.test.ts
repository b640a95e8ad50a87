import { expect, test } from "vitest";
import { LoginBudget } from "../../../../client/src/core/login-gate.ts";
import { createPostgresDriver } from "../../../../client/src/postgres/postgres-driver.ts";
import { UnusableSecretError } from "../../../../shared/engines/postgres.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";

const login = { username: "orders", password: "EXAMPLE" };
const driver = createPostgresDriver({
  config: { host: "db.internal", port: 6432, database: "shop" },
  budget: new LoginBudget(5),
  onReopened() {},
  onEvent() {},
  warmUp: false,
  max: () => 10,
});
const connect = (secret: object) => driver.connect(new Redacted(JSON.stringify(secret)), "v1").pool.options;

test.each([
  ["leaves out", {}],
  ["has as null", { engine: null, host: null, port: null, dbname: null }],
  ["has as empty texts", { engine: "", host: "", port: "", dbname: "" }],
])("configuration fills in what a secret %s", (_what, empty) => {
  expect(connect({ ...login, ...empty })).toMatchObject({
    host: "db.internal",
    port: 6432,
    database: "shop",
    user: "orders",
  });
});

test.each([
  ["28P01", "The store refused user or password"],
  ["28000", "The store refused this login"],
  ["3D000", "The store took the login, but the database does not exist"],
  [
    "42501",
    "The store took the login, but the user lacks a privilege for the session, such as CONNECT on the database",
  ],
])("says why a credential cannot be used (%s) in words that hold no name", (code, message) => {
  const error = Object.assign(new Error('permission denied for database "shop"'), { code });
  expect(driver.refusal(error)).toEqual({ code, message });
});

test.each(["ECONNREFUSED", "57P03", "53300"])("%s says nothing about the credential", (code) => {
  expect(driver.refusal(Object.assign(new Error("x"), { code }))).toBeUndefined();
});

test.each([
  ["user", { username: "" }],
  ["password", { password: null }],
])("a secret with an empty %s is no credential", (_key, empty) => {
  expect(() => connect({ ...login, ...empty })).toThrow(UnusableSecretError);
});
