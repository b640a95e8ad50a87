import { describe, expect, test } from "vitest";
import { CheckFailedError } from "../../../../client/src/core/check-failed-error.ts";
import { LoginBudget } from "../../../../client/src/core/login-gate.ts";
import { createRedisDriver } from "../../../../client/src/redis/redis-driver.ts";
import { UnusableSecretError } from "../../../../shared/engines/database-secret.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";

const noop = () => undefined;
const driverOf = (config: object) =>
  createRedisDriver({
    config,
    verify: undefined,
    budget: new LoginBudget(5),
    onReopened: noop,
    onRetired: noop,
    onClosed: noop,
  });
const driver = driverOf({ host: "cache.internal", port: 6380 });
const connect = (secret: object) => driver.connect(new Redacted(JSON.stringify(secret)), "v1");
const login = { username: "orders", password: "EXAMPLE" };

test("configuration fills in what a secret leaves out", () => {
  expect(connect(login).credential).toMatchObject({ host: "cache.internal", port: 6380, user: "orders" });
});

test("a server that is reached by its socket's path needs no host", () => {
  const byPath = driverOf({ path: "/run/redis.sock" }).connect(new Redacted(JSON.stringify(login)), "v1");
  expect(byPath.credential.user).toBe("orders");
});

test.each([
  ["WRONGPASS invalid username-password pair or user is disabled.", "WRONGPASS"],
  ["NOAUTH Authentication required.", "NOAUTH"],
  ["NOPERM this user has no permissions to run the 'ping' command", "NOPERM"],
])("%j is a refusal, told in our own words", (message, code) => {
  const refusal = driver.refusal(new Error(message));
  expect(refusal).toMatchObject({ code });
  expect(refusal?.message).not.toContain("'ping'");
});

test("a secret that is no credential is a refusal", () => {
  expect(driver.refusal(new UnusableSecretError("no"))).toEqual({ code: "SECRET_UNUSABLE", message: "no" });
});

test("a check that fails is a refusal, and tells nothing of what the check said", () => {
  const cause = new Error("NOPERM this user has no permissions to access the 'orders' key");
  const refusal = driver.refusal(new CheckFailedError(cause, "NOPERM"));
  expect(refusal).toEqual({ code: "CHECK_FAILED", message: expect.stringContaining("(NOPERM)") });
  expect(refusal?.message).not.toContain("orders");
});

test.each([
  new Error("ERR max number of clients reached"),
  Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
  new Error("Connection is closed."),
])("%s says nothing about the credential", (error) => {
  expect(driver.refusal(error)).toBeUndefined();
});

describe("sessions of a login", () => {
  const begin = () => {
    const version = connect(login);
    const sessions = [{}, {}] as const;
    for (const session of sessions) version.enter(session);
    return { version, sessions };
  };

  test("a retired login is done with when the last session has left it", async () => {
    const { version, sessions } = begin();
    let isRetired = false;
    const retired = driver.retire(version).then(() => {
      isRetired = true;
    });
    expect(driver.inUse(version)).toBe(2);
    version.leave(sessions[0]);
    await Promise.resolve();
    expect(isRetired).toBe(false);
    version.leave(sessions[1]);
    await retired;
    expect(driver.inUse(version)).toBe(0);
  });

  test("another password makes no other server; another port does", () => {
    const { version } = begin();
    expect(version.isOfSameServerAs(connect({ ...login, password: "second-EXAMPLE" }))).toBe(true);
    expect(version.isOfSameServerAs(connect({ ...login, port: 6381 }))).toBe(false);
  });
});
