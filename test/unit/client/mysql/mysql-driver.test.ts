import { expect, test } from "vitest";
import { LoginBudget } from "../../../../client/src/core/login-gate.ts";
import { createMysqlDriver } from "../../../../client/src/mysql/mysql-driver.ts";
import { UnusableSecretError } from "../../../../shared/engines/database-secret.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";

const login = { username: "orders", password: "EXAMPLE", host: "db.internal" };

function driverOf(config: object = {}) {
  return createMysqlDriver({
    config,
    budget: new LoginBudget(5),
    onReopened() {},
    onEvent() {},
    verify: undefined,
    warmUp: false,
  });
}
const connect = (secret: object, config: object = {}) =>
  driverOf(config).connect(new Redacted(JSON.stringify(secret)), "version");

test.each([
  ["user", { username: "" }],
  ["password", { password: null }],
])("a secret with an empty %s is no credential", (_key, empty) => {
  expect(() => connect({ ...login, ...empty })).toThrow(UnusableSecretError);
});

test("a socket of this machine needs no host", async () => {
  const { username, password } = login;
  const pool = connect({ username, password }, { socketPath: "/run/mysqld/mysqld.sock" });
  expect(pool.openCount).toBe(0);
  await pool.retire();
});

test.each([
  ["the user", { username: "orders_clone" }, true],
  ["the host", { host: "other.internal" }, true],
  ["the database", { dbname: "other" }, true],
  ["the password", { password: "EXAMPLE-2" }, false],
])("where %s changes, both may be valid at the same time: told", async (_what, change, isOther) => {
  const [one, other] = [connect(login), connect({ ...login, ...change })];
  expect(one.isOtherLoginThan(other)).toBe(isOther);
  await Promise.all([one.retire(), other.retire()]);
});

test("says why a credential is refused in words that hold no name and no address", () => {
  const error = Object.assign(new Error("Access denied for user 'orders'@'10.0.0.7'"), { errno: 1045 });
  expect(driverOf().refusal(error)).toEqual({
    code: "1045",
    message: "The store refused the login: user or password is wrong",
  });
  const noDatabase = Object.assign(new Error("Access denied for user 'orders'@'%' to database 'shop'"), {
    errno: 1044,
  });
  expect(driverOf().refusal(noDatabase)).toEqual({
    code: "1044",
    message: "The store took the login, but the user may not use the database",
  });
  const missing = Object.assign(new Error("Unknown database 'shop'"), { errno: 1049 });
  expect(driverOf().refusal(missing)).toMatchObject({ code: "1049" });
  expect(
    driverOf().refusal(Object.assign(new Error("x"), { code: "ECONNREFUSED", errno: -111 })),
  ).toBeUndefined();
});
