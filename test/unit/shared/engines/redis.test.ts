import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { UnusableSecretError } from "../../../../shared/engines/database-secret.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";
import {
  isRedisAuthFailure,
  isRedisPermissionFailure,
  parseRedisSecret,
  redisErrorCode,
} from "../../../../shared/engines/redis.ts";

const parse = (secret: unknown, defaults = {}) =>
  parseRedisSecret(new Redacted(JSON.stringify(secret)), defaults);
const login = { username: "orders", password: "EXAMPLE-PASSWORD" };
const arn = "arn:aws:elasticache:us-east-1:000000000000:user:orders";

describe("parseRedisSecret", () => {
  test("reads a full secret", () => {
    const secret = { ...login, engine: "redis", host: "cache.internal", port: "6380", ssl: true };
    const credential = parse(secret, { host: "other.internal", port: 1 });
    expect(credential).toMatchObject({ host: "cache.internal", port: 6380, tls: true, user: "orders" });
    expect(credential.password.reveal()).toBe("EXAMPLE-PASSWORD");
  });

  test("takes host and port from configuration for ElastiCache's secret, which holds neither", () => {
    const credential = parse({ ...login, user_arn: arn }, { host: "cache.internal" });
    expect(credential).toMatchObject({ host: "cache.internal", port: 6379, tls: false, user: "orders" });
  });

  test.each(["password", "auth_token"])("takes a secret of %s alone for a server without users", (key) => {
    const credential = parse({ [key]: "EXAMPLE-TOKEN" }, { host: "h" });
    expect(credential.user).toBeUndefined();
    expect(credential.password.reveal()).toBe("EXAMPLE-TOKEN");
  });

  test.each([
    ["ssl", true],
    ["ssl", "true"],
    ["tls", true],
  ])("asks for TLS where %s is %o", (key, value) => {
    expect(parse({ ...login, host: "h", [key]: value }).tls).toBe(true);
  });

  test.each([null, "", "false", false])("asks for no TLS where ssl is %o", (ssl) => {
    expect(parse({ ...login, host: "h", ssl }).tls).toBe(false);
  });

  test("counts what a form left empty as absent", () => {
    const secret = { ...login, engine: null, host: "", port: null, username: "" };
    expect(parse(secret, { host: "h", port: 1 })).toMatchObject({ host: "h", port: 1, user: undefined });
  });

  test.each([
    { what: "another engine", secret: { ...login, engine: "mysql", host: "h" }, says: /engine "mysql"/ },
    { what: "no host", secret: login, says: /no host/ },
    {
      what: "no password",
      secret: { username: "orders", host: "h" },
      says: /neither password nor auth_token/,
    },
    { what: "a port out of range", secret: { ...login, host: "h", port: 70_000 }, says: /port/ },
    { what: "a list in it", secret: [login], says: /not a Redis secret/ },
  ])("refuses a secret with $what", ({ secret, says }) => {
    expect(() => parse(secret)).toThrow(UnusableSecretError);
    expect(() => parse(secret)).toThrow(says);
  });

  test("refuses a secret that is not JSON without quoting it", () => {
    const error = (() => {
      try {
        return parseRedisSecret(new Redacted("EXAMPLE-PASSWORD"));
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(UnusableSecretError);
    expect(inspect(error)).not.toContain("EXAMPLE-PASSWORD");
  });
});

describe("the kind of an error", () => {
  test.each([
    ["WRONGPASS invalid username-password pair or user is disabled.", "WRONGPASS"],
    ["NOAUTH Authentication required.", "NOAUTH"],
    ["ERR unknown command", "ERR"],
    ["Connection is closed.", undefined],
    ["A sentence", undefined],
  ])("of the reply %j is %s", (message, code) => {
    expect(redisErrorCode(new Error(message))).toBe(code);
  });

  test("is Node's code where it has one", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    expect(redisErrorCode(refused)).toBe("ECONNREFUSED");
    expect(redisErrorCode(new AggregateError([refused]))).toBe("ECONNREFUSED");
    expect(redisErrorCode("ECONNREFUSED")).toBeUndefined();
  });

  test.each([
    ["WRONGPASS invalid", true, false],
    ["NOAUTH required", true, false],
    ["ERR invalid password", true, false],
    ["ERR invalid password format of something else", false, false],
    ["NOPERM this user has no permissions", false, true],
    ["ERR WRONGPASS", false, false],
  ])(
    "of %j tells a refused login from a missing permission",
    (message, isAuthFailure, isPermissionFailure) => {
      expect(isRedisAuthFailure(new Error(message))).toBe(isAuthFailure);
      expect(isRedisPermissionFailure(new Error(message))).toBe(isPermissionFailure);
    },
  );
});
