import { inspect } from "node:util";
import { expect, test } from "vitest";
import {
  isPostgresAuthFailure,
  isPostgresHostRefusal,
  parsePostgresSecret,
  UnusableSecretError,
} from "../../../../shared/engines/postgres.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";

const parse = (secret: unknown, defaults = {}) =>
  parsePostgresSecret(new Redacted(JSON.stringify(secret)), defaults);
const login = { username: "orders", password: "EXAMPLE-PASSWORD" };

test("reads a full secret", () => {
  const secret = { ...login, engine: "postgres", host: "db.internal", port: 6432, dbname: "shop" };
  expect(parse(secret)).toMatchObject({ host: "db.internal", port: 6432, database: "shop", user: "orders" });
  expect(parse(secret).password.reveal()).toBe("EXAMPLE-PASSWORD");
});

test("fills what an RDS-managed secret lacks from configuration, and AWS's defaults", () => {
  expect(parse(login, { host: "db.internal" })).toMatchObject({
    host: "db.internal",
    port: 5432,
    database: "postgres",
  });
});

test("prefers what the secret says to configuration", () => {
  expect(
    parse({ ...login, host: "new.internal", port: "6432" }, { host: "old.internal", port: 1 }),
  ).toMatchObject({
    host: "new.internal",
    port: 6432,
  });
});

test.each([
  { what: "another engine", secret: { ...login, engine: "mysql", host: "h" }, says: /engine "mysql"/ },
  { what: "no host", secret: login, says: /no host/ },
  { what: "no password", secret: { username: "orders", host: "h" }, says: /password/ },
  { what: "a port out of range", secret: { ...login, host: "h", port: 70_000 }, says: /port/ },
])("refuses a secret with $what", ({ secret, says }) => {
  expect(() => parse(secret)).toThrow(UnusableSecretError);
  expect(() => parse(secret)).toThrow(says);
});

test("refuses a secret that is not JSON without quoting it", () => {
  const error = (() => {
    try {
      return parsePostgresSecret(new Redacted("EXAMPLE-PASSWORD"));
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(UnusableSecretError);
  expect(inspect(error)).not.toContain("EXAMPLE-PASSWORD");
});

test("shows a mask wherever a secret is printed", () => {
  const { password } = parse({ ...login, host: "h" });
  for (const shown of [
    String(password),
    `${password}`,
    JSON.stringify({ password }),
    inspect({ password }),
  ]) {
    expect(shown).not.toContain("EXAMPLE-PASSWORD");
  }
});

test.each([
  { code: "28P01", is: true },
  { code: "28000", is: true },
  { code: "57P01", is: false },
  { code: "ECONNREFUSED", is: false },
  { code: "53300", is: false },
])("takes $code for an auth failure: $is", ({ code, is }) => {
  expect(isPostgresAuthFailure(Object.assign(new Error("password authentication failed"), { code }))).toBe(
    is,
  );
});

test.each([
  { code: "28000", routine: "ClientAuthentication", is: true },
  { code: "28000", routine: "InitializeSessionUserId", is: false },
  { code: "28000", routine: "auth_failed", is: false },
  { code: "28000", routine: undefined, is: false },
  { code: "28P01", routine: "ClientAuthentication", is: false },
])(
  "takes $code from $routine for a refusal that says nothing of the credential: $is",
  ({ is, ...fields }) => {
    const error = Object.assign(new Error("translated"), fields);
    expect(isPostgresHostRefusal(error)).toBe(is);
    // For a service it is a refused login all the same: another version may be let in.
    expect(isPostgresAuthFailure(error)).toBe(true);
  },
);
