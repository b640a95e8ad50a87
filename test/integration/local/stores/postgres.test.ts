import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type LocalPostgres, startPostgres } from "../../../../local/stores/postgres.ts";

// A temporary folder of its own: other runs on this machine have their servers' data in the common one.
const temporary = mkdtempSync(join(tmpdir(), "keyturn-test-"));
beforeAll(() => {
  chmodSync(temporary, 0o755);
  vi.stubEnv("TMPDIR", temporary);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(temporary, { recursive: true, force: true });
});

const started: LocalPostgres[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((postgres) => postgres.stop()));
});

async function start(options?: { port: number }): Promise<LocalPostgres> {
  const postgres = await startPostgres(options);
  started.push(postgres);
  return postgres;
}

async function login(postgres: LocalPostgres, password: string): Promise<pg.Client> {
  const { host, port, superuser: user } = postgres;
  const client = new pg.Client({ host, port, user, password, database: "postgres" });
  client.on("error", () => {});
  await client.connect();
  return client;
}

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const dataFolders = () => readdirSync(temporary);

test("takes a login over SCRAM on loopback alone, and refuses a wrong password", async () => {
  const postgres = await start();
  const client = await login(postgres, postgres.superuserPassword);
  const { rows } = await client.query(
    "select current_setting('listen_addresses') as listen, current_setting('unix_socket_directories') as sockets, current_setting('server_version_num')::int / 10000 as major, (select rolpassword from pg_authid where rolname = current_user) as stored",
  );
  await client.end();

  expect(rows[0]).toMatchObject({ listen: "127.0.0.1", sockets: "", major: 18 });
  expect(rows[0].stored).toMatch(/^SCRAM-SHA-256\$/);
  await expect(login(postgres, "wrong-fake")).rejects.toMatchObject({ code: "28P01" });
});

test("ends sessions, leaves no process and no data, and may be stopped twice", async () => {
  const postgres = await start();
  expect(dataFolders()).toEqual([expect.stringMatching(/^keyturn-postgres-/)]);
  const client = await login(postgres, postgres.superuserPassword);

  await Promise.all([postgres.stop(), postgres.stop()]);

  await expect(client.query("select 1")).rejects.toThrow();
  expect(isRunning(postgres.pid)).toBe(false);
  expect(dataFolders()).toEqual([]);
});

test("two servers run side by side with passwords of their own", async () => {
  const [one, two] = await Promise.all([start(), start()]);
  expect(one.port).not.toBe(two.port);
  await expect(login(one, two.superuserPassword)).rejects.toMatchObject({ code: "28P01" });
});

test("says that the given port is taken, and leaves nothing behind", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const { port } = holder.address() as { port: number };

  await expect(startPostgres({ port })).rejects.toThrow(/EADDRINUSE/);

  holder.close();
  expect(dataFolders()).toEqual([]);
});
