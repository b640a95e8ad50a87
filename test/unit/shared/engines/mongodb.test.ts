import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { UnusableSecretError } from "../../../../shared/engines/database-secret.ts";
import { isMongoAuthFailure, parseMongoSecret } from "../../../../shared/engines/mongodb.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";

const parse = (secret: unknown, defaults = {}) =>
  parseMongoSecret(new Redacted(typeof secret === "string" ? secret : JSON.stringify(secret)), defaults);
const login = { username: "orders", password: "EXAMPLE-PASSWORD" };

describe("a secret with a host", () => {
  test("is read as Amazon DocumentDB has it", () => {
    const secret = { ...login, engine: "mongo", host: "docdb.internal", port: "27018", ssl: true };
    expect(parse(secret)).toMatchObject({
      uri: "mongodb://docdb.internal:27018/",
      username: "orders",
      tls: true,
      authSource: "admin",
    });
    expect(parse(secret).password.reveal()).toBe("EXAMPLE-PASSWORD");
  });

  test("has its user looked up in its database, or where it says", () => {
    const secret = { ...login, host: "h", dbname: "shop", replicaSet: "rs0", ssl: "false" };
    expect(parse(secret)).toMatchObject({
      uri: "mongodb://h:27017/shop",
      authSource: "shop",
      replicaSet: "rs0",
      tls: false,
    });
    expect(parse({ ...secret, authSource: "admin" })).toMatchObject({ authSource: "admin" });
  });

  test("wins over configuration, which fills in what it lacks or has empty", () => {
    const defaults = { host: "default.internal", port: 27_020, database: "shop" };
    expect(parse({ ...login, host: null, port: "", dbname: "" }, defaults)).toMatchObject({
      uri: "mongodb://default.internal:27020/shop",
      authSource: "admin",
    });
    expect(parse({ ...login, host: "own.internal" }, { ...defaults, uri: "mongodb://a,b/" }).uri).toBe(
      "mongodb://own.internal:27020/shop",
    );
  });

  test("may have an IPv6 address", () => {
    expect(parse({ ...login, host: "::1" }).uri).toBe("mongodb://[::1]:27017/");
  });
});

describe("a connection string", () => {
  test.each([
    ["as the whole secret", "mongodb+srv://orders:a%40b%3Ac@cluster.example/shop?retryWrites=true"],
    [
      "as connectionString",
      { connectionString: "mongodb+srv://orders:a%40b:c@cluster.example/shop?retryWrites=true" },
    ],
    ["as uri", { uri: "mongodb+srv://orders:a%40b%3Ac@cluster.example/shop?retryWrites=true" }],
  ])("%s gives its user and password, and goes on without them", (_where, secret) => {
    const credential = parse(secret);
    expect(credential).toMatchObject({
      uri: "mongodb+srv://cluster.example/shop?retryWrites=true",
      username: "orders",
      authSource: undefined,
    });
    expect(credential.password.reveal()).toBe("a@b:c");
  });

  test("may stand beside user and password, which win", () => {
    const credential = parse({ ...login, connectionString: "mongodb://old:OLD@a:1,b:2/?replicaSet=rs0" });
    expect(credential).toMatchObject({ uri: "mongodb://a:1,b:2/?replicaSet=rs0", username: "orders" });
    expect(credential.password.reveal()).toBe("EXAMPLE-PASSWORD");
  });

  test("of the configuration is used where the secret names no host", () => {
    expect(parse(login, { uri: "mongodb://a,b/shop?replicaSet=rs0", host: "other" })).toMatchObject({
      uri: "mongodb://a,b/shop?replicaSet=rs0",
      authSource: undefined,
    });
  });
});

test.each([
  { what: "another engine", secret: { ...login, engine: "mysql", host: "h" }, says: /engine "mysql"/ },
  { what: "no host", secret: login, says: /no host/ },
  { what: "no password", secret: { username: "orders", host: "h" }, says: /username or password/ },
  { what: "a port out of range", secret: { ...login, host: "h", port: 70_000 }, says: /port/ },
  { what: "a connection string without user", secret: "mongodb://h/shop", says: /username or password/ },
  { what: "another scheme", secret: { ...login, uri: "postgres://h" }, says: /mongodb:\/\// },
  { what: "an @ that is not encoded", secret: { uri: "mongodb://u:EXAMPLE@PASSWORD@h/" }, says: /%40/ },
  { what: "a broken encoding", secret: "mongodb://u:EXAMPLE%PASSWORD@h/", says: /URL-encoded/ },
  { what: "neither text nor JSON", secret: "EXAMPLE-PASSWORD", says: /neither/ },
])("refuses a secret with $what, without quoting it", ({ secret, says }) => {
  const error = (() => {
    try {
      return parse(secret);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(UnusableSecretError);
  expect(String(error)).toMatch(says);
  expect(inspect(error)).not.toMatch(/EXAMPLE|PASSWORD/);
});

const failed = (code: number | string | undefined, errorLabels: string[] = [], cause?: Error) =>
  Object.assign(new Error("bad auth", { cause }), { code, errorLabels });

test.each([
  { what: "code 18", error: failed(18), is: true },
  { what: "Atlas's code in the handshake", error: failed(8000, ["HandshakeError"]), is: true },
  { what: "Atlas's code for a command", error: failed(8000), is: false },
  { what: "an error around one", error: failed(undefined, [], failed(18)), is: true },
  { what: "a missing right", error: failed(13), is: false },
  { what: "a lost connection", error: failed("ECONNRESET", ["HandshakeError"]), is: false },
])("takes $what for an auth failure: $is", ({ error, is }) => {
  expect(isMongoAuthFailure(error)).toBe(is);
});
