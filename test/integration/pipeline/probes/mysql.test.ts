import { createConnection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DependencyError } from "../../../../shared/contract/errors.ts";
import { createLoginProbe } from "../../../../shared/engines/login-probe.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";
import { type MariaDb, mariadbServer, startMariaDb } from "../../client/mariadb.ts";
import { trusting } from "./self-signed.ts";
import { type SilentServer, startSilentServer } from "./silent-server.ts";

describe.skipIf(!mariadbServer)("MariaDB", () => {
  const probe = createLoginProbe({ timeoutMs: 500, tls: "disable" });
  let mariadb: MariaDb;
  let silent: SilentServer;

  beforeAll(async () => {
    mariadb = await startMariaDb({ tls: true });
    silent = await startSilentServer();
    const { host, port, rootPassword: password } = mariadb;
    const root = await createConnection({ host, port, user: "root", password });
    await root.query("create database shop");
    await root.query("create user orders@'%' identified by 'first-EXAMPLE'");
    await root.query("create user locked@'%' identified by 'first-EXAMPLE' account lock");
    await root.end();
  });
  afterAll(async () => {
    await silent?.stop();
    await mariadb?.stop();
  });

  const secret = (changes: Record<string, unknown> = {}) =>
    new Redacted(
      JSON.stringify({
        engine: "mariadb",
        host: mariadb.host,
        port: mariadb.port,
        username: "orders",
        password: "first-EXAMPLE",
        ...changes,
      }),
    );

  test.each(["mysql", "mariadb", "aurora-mysql"])(
    "accepts a credential that logs in, as %s",
    async (engine) => {
      expect(await probe.login(secret({ engine }))).toMatchObject({ verdict: "accepted" });
    },
  );

  test("accepts one whose host, port and engine a tag says", async () => {
    const bare = secret({ engine: undefined, host: undefined, port: undefined });
    const { host, port } = mariadb;
    expect(await probe.login(bare, { engine: "mysql", host, port })).toMatchObject({ verdict: "accepted" });
  });

  test.each(["shop", "nowhere"])(
    "accepts one whose database %s is not its, or not there: the server says so after it took the login",
    async (dbname) => {
      expect(await probe.login(secret({ dbname }))).toMatchObject({ verdict: "accepted" });
    },
  );

  test.each([
    { what: "a wrong password", changes: { password: "WRONG" }, code: "1045" },
    { what: "an unknown user", changes: { username: "nobody-here" }, code: "1045" },
    { what: "a locked account", changes: { username: "locked" }, code: "4151" },
  ])("rejects $what with $code", async ({ changes, code }) => {
    const outcome = await probe.login(secret(changes));
    expect(outcome).toMatchObject({ verdict: "rejected", code });
    expect(JSON.stringify(outcome)).not.toMatch(/EXAMPLE|WRONG|nobody-here/);
  });

  test("says nothing of the credential where nobody listens, or nobody answers", async () => {
    await expect(probe.login(secret({ port: 1 }))).rejects.toThrow(/ECONNREFUSED/);
    await expect(probe.login(secret({ port: silent.port }))).rejects.toThrow(/ETIMEDOUT/);
  });

  test("checks certificate and name of the server, with the authorities that Node trusts", async () => {
    const strict = createLoginProbe({ timeoutMs: 2_000, tls: "verify-full" });
    await expect(strict.login(secret())).rejects.toBeInstanceOf(DependencyError);
    await trusting(mariadb.certificate ?? "", async () => {
      expect(await strict.login(secret({ host: "localhost" }))).toMatchObject({ verdict: "accepted" });
      expect(await strict.login(secret({ host: "localhost", password: "WRONG" }))).toMatchObject({
        verdict: "rejected",
      });
    });
  });

  test("encrypts without looking at the certificate where it is told to", async () => {
    const lenient = createLoginProbe({ timeoutMs: 2_000, tls: "require" });
    expect(await lenient.login(secret())).toMatchObject({ verdict: "accepted" });
  });

  test("leaves no session behind", async () => {
    const { host, port, rootPassword: password } = mariadb;
    const root = await createConnection({ host, port, user: "root", password });
    try {
      await probe.login(secret());
      await expect
        .poll(
          async () =>
            (await root.query("select 1 from information_schema.processlist where user = 'orders'"))[0],
        )
        .toEqual([]);
    } finally {
      await root.end();
    }
  });
});
