import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asSuperuser } from "../../../local/sample-store.ts";
import { type LocalPostgres, startPostgres } from "../../../local/stores/postgres.ts";
import { DependencyError } from "../../../shared/contract/errors.ts";
import { createLoginProbe } from "../../../shared/engines/login-probe.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";

const probe = createLoginProbe({ timeoutMs: 300, tls: "disable" });
let postgres: LocalPostgres;
let silent: Server;

beforeAll(async () => {
  postgres = await startPostgres();
  await asSuperuser(postgres, "postgres", async (client) => {
    await client.query("create role orders login password 'EXAMPLE'");
    await client.query("create role locked nologin password 'EXAMPLE'");
    await client.query("create role tls_only login password 'EXAMPLE'");
    await client.query("create role kept_out login password 'EXAMPLE'");
    await client.query("create role without_line login password 'EXAMPLE'");
    await client.query("create role trusted_locked nologin");
    const lines = [
      "hostssl all tls_only all scram-sha-256",
      "host all kept_out all reject",
      "host all trusted_locked,trusted_nobody all trust",
      "host all postgres,orders,locked,nobody-here all scram-sha-256",
    ];
    const { rows } = await client.query("show hba_file");
    const content = lines.map((line) => `('${line}')`).join(", ");
    await client.query(`copy (select * from (values ${content}) as lines) to '${rows[0].hba_file}'`);
    await client.query("select pg_reload_conf()");
  });
  silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
});

afterAll(async () => {
  silent.close();
  await postgres.stop();
});

const secret = (changes: Record<string, unknown> = {}) =>
  new Redacted(
    JSON.stringify({
      engine: "postgres",
      host: postgres.host,
      port: postgres.port,
      username: "orders",
      password: "EXAMPLE",
      ...changes,
    }),
  );

test("accepts a credential that logs in, in AWS's default database", async () => {
  expect(await probe.login(secret())).toMatchObject({ verdict: "accepted" });
});

test("accepts a credential whose database is not there: the server says so after it took the login", async () => {
  expect(await probe.login(secret({ dbname: "nowhere" }))).toMatchObject({ verdict: "accepted" });
});

test.each([
  { what: "a wrong password", changes: { password: "WRONG" }, code: "28P01" },
  { what: "an unknown user", changes: { username: "nobody-here" }, code: "28P01" },
  { what: "a user who may not log in", changes: { username: "locked" }, code: "28000" },
  { what: "one who needs no password, and may not", changes: { username: "trusted_locked" }, code: "28000" },
  { what: "one who needs none, and is not there", changes: { username: "trusted_nobody" }, code: "28000" },
])("rejects $what with $code", async ({ changes, code }) => {
  expect(await probe.login(secret(changes))).toMatchObject({ verdict: "rejected", code });
});

test.each(["tls_only", "kept_out", "without_line"])(
  "pg_hba.conf that lets %s in from nowhere says nothing of the credential",
  async (username) => {
    for (const password of ["EXAMPLE", "WRONG"]) {
      const login = probe.login(secret({ username, password }));
      await expect(login).rejects.toBeInstanceOf(DependencyError);
      await expect(login).rejects.toThrow(/\(28000\): pg_hba.conf/);
      await expect(login).rejects.not.toThrow(username);
    }
  },
);

test.each([
  { what: "another engine", changes: { engine: "oracle" }, names: /oracle.*postgres, .*mysql/ },
  { what: "no engine", changes: { engine: undefined }, names: /"engine".*keyturn:engine/ },
  { what: "no host", changes: { host: undefined }, names: /"host".*keyturn:host/ },
])("calls a secret for $what unverifiable, and says what to set", async ({ changes, names }) => {
  const outcome = await probe.login(secret(changes));
  expect(outcome).toMatchObject({ verdict: "unverifiable", reason: expect.stringMatching(names) });
});

test("accepts a secret of RDS, which holds user and password alone, where RDS or tags say the rest", async () => {
  const bare = secret({ engine: undefined, host: undefined, port: undefined });
  const place = {
    engine: "aurora-postgresql",
    host: postgres.host,
    port: postgres.port,
    database: "postgres",
  };
  expect(await probe.login(bare, place)).toMatchObject({ verdict: "accepted" });
});

test("what the secret says wins", async () => {
  const place = { engine: "mysql", host: "nowhere.invalid", port: 1 };
  expect(await probe.login(secret(), place)).toMatchObject({ verdict: "accepted" });
});

test("says nothing of the credential where the server does not answer, and what to look at", async () => {
  const login = probe.login(secret({ port: (silent.address() as AddressInfo).port }));
  await expect(login).rejects.toBeInstanceOf(DependencyError);
  await expect(login).rejects.toThrow(/NO_ANSWER.*host and port.*TLS/);
});

test.each([{}, { ssl: false, tls: "false" }, { sslmode: "disable" }])(
  "says nothing of the credential where TLS is asked for and the server has none, whatever the secret says: %o",
  async (changes) => {
    const strict = createLoginProbe({ timeoutMs: 300, tls: "verify-full" });
    await expect(strict.login(secret(changes))).rejects.toBeInstanceOf(DependencyError);
  },
);
