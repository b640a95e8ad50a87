import { inspect } from "node:util";
import { expect, test } from "vitest";
import { UnusableSecretError } from "../../../../shared/engines/database-secret.ts";
import { isMysqlAuthFailure, mysqlErrorNumber, parseMysqlSecret } from "../../../../shared/engines/mysql.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";

const parse = (secret: unknown, defaults = {}) =>
  parseMysqlSecret(new Redacted(JSON.stringify(secret)), defaults);
const login = { username: "orders", password: "EXAMPLE-PASSWORD" };

test.each(["mysql", "mariadb", "aurora-mysql"])("reads a full secret for %s", (engine) => {
  const secret = { ...login, engine, host: "db.internal", port: "3307", dbname: "shop" };
  expect(parse(secret)).toMatchObject({ host: "db.internal", port: 3307, database: "shop", user: "orders" });
  expect(parse(secret).password.reveal()).toBe("EXAMPLE-PASSWORD");
});

test.each([
  ["leaves out", {}],
  ["has as null", { engine: null, host: null, port: null, dbname: null }],
  ["has as empty texts", { engine: "", host: "", port: "", dbname: "" }],
])("fills what a secret %s from configuration, and the standard port", (_what, empty) => {
  expect(parse({ ...login, ...empty }, { host: "db.internal", database: "shop" })).toMatchObject({
    host: "db.internal",
    port: 3306,
    database: "shop",
  });
});

test("needs no database: a session may begin without one", () => {
  expect(parse({ ...login, host: "h" }).database).toBeUndefined();
});

test("prefers what the secret says to configuration", () => {
  const secret = { ...login, host: "new.internal", port: 3307, dbname: "new" };
  expect(parse(secret, { host: "old.internal", port: 1, database: "old" })).toMatchObject({
    host: "new.internal",
    port: 3307,
    database: "new",
  });
});

test.each([
  { what: "another engine", secret: { ...login, engine: "postgres", host: "h" }, says: /engine "postgres"/ },
  { what: "no host", secret: login, says: /no host/ },
  { what: "no password", secret: { username: "orders", host: "h" }, says: /password/ },
  { what: "a port out of range", secret: { ...login, host: "h", port: 70_000 }, says: /port/ },
])("refuses a secret with $what, without quoting it", ({ secret, says }) => {
  expect(() => parse(secret)).toThrow(UnusableSecretError);
  expect(() => parse(secret)).toThrow(says);
  expect(() => parse(secret)).not.toThrow(/EXAMPLE/);
});

test("shows a mask wherever a credential is printed", () => {
  expect(inspect(parse({ ...login, host: "h" }))).not.toContain("EXAMPLE-PASSWORD");
});

test.each([
  { errno: 1045, is: true, what: "access denied" },
  { errno: 1698, is: true, what: "access denied, no password" },
  { errno: 1820, is: true, what: "password expired, within the session" },
  { errno: 1862, is: true, what: "password expired, at login" },
  { errno: 3118, is: true, what: "account locked, MySQL" },
  { errno: 3955, is: true, what: "account blocked after failed logins, MySQL" },
  { errno: 4150, is: true, what: "account blocked after failed logins, MariaDB" },
  { errno: 4151, is: true, what: "account locked, MariaDB" },
  { errno: 1040, is: false, what: "too many connections" },
  { errno: 1044, is: false, what: "no right to this database" },
  { errno: 1049, is: false, what: "no such database" },
  { errno: 1130, is: false, what: "host not allowed" },
  { errno: 1203, is: false, what: "too many connections of this user" },
  { errno: -111, is: false, what: "connection refused" },
])("takes $errno ($what) for an auth failure: $is", ({ errno, is }) => {
  const error = Object.assign(new Error("Access denied for user 'x'@'y'"), { errno });
  expect(isMysqlAuthFailure(error)).toBe(is);
});

test("tells by the number alone, whatever the driver calls it", () => {
  const named = { errno: 4151, code: "ER_BULK_PARSER_INCOMPLETE_ESCAPE_SEQUENCE" };
  expect(isMysqlAuthFailure(Object.assign(new Error("x"), named))).toBe(true);
  expect(isMysqlAuthFailure(Object.assign(new Error("x"), { code: "ER_ACCESS_DENIED_ERROR" }))).toBe(false);
});

test.each([new Error("x"), Object.assign(new Error("x"), { errno: -111 }), "text", undefined])(
  "finds no number of the server's in %s",
  (error) => {
    expect(mysqlErrorNumber(error)).toBeUndefined();
  },
);
