import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { DATABASE_NAME, type Database, startDatabase } from "./database.ts";

const login = { user: "orders", password: "first-EXAMPLE" };

const CONNECTION = `{ host: "127.0.0.1", port: Number(process.env.DB_PORT), database: "${DATABASE_NAME}" }`;
const OPEN_BARE = `
  import pg from "pg";
  const login = ${JSON.stringify(login)};
  const open = async (options) => new pg.Pool({ ...${CONNECTION}, ...login, ...options });
`;
const OPEN_ROTATING = `
  import { createRotatingPool, Redacted } from "${new URL("../../../client/src/pg.ts", import.meta.url)}";
  const value = new Redacted('${JSON.stringify({ username: login.user, password: login.password })}');
  const secretId = "arn:aws:secretsmanager:us-east-1:000000000000:secret:test/exit-AbCdEf";
  const version = { secretArn: secretId, versionId: "first", labels: ["AWSCURRENT"], value };
  const secrets = { name: "test", readCurrent: async () => version, readVersion: async () => version };
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const open = (options) => createRotatingPool({ secretId, secrets, logger, ...${CONNECTION}, ...options });
`;
const POOLS = [
  ["pg.Pool", OPEN_BARE],
  ["a rotating pool", OPEN_ROTATING],
] as const;

let database: Database;
const children: ChildProcess[] = [];

beforeAll(async () => {
  database = await startDatabase();
  await database.createUser(login);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => database.stop());

function run(script: string) {
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    env: { PATH: process.env.PATH, DB_PORT: String(database.port) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  return { child, exited: once(child, "close"), output: () => output };
}

test.each(POOLS)(
  "%s lets the process end with idle connections, by allowExitOnIdle",
  async (_name, opening) => {
    const { exited, output } = run(`${opening}
    const pool = await open({ allowExitOnIdle: true, idleTimeoutMillis: 600_000 });
    await Promise.all([pool.query("select 1"), pool.query("select 1")]);
    console.log(pool.idleCount);
  `);
    expect([await exited, output()]).toEqual([[0, null], "2\n"]);
  },
);

test.each(POOLS)(
  "%s keeps the process for a query under way, also by allowExitOnIdle",
  async (_name, opening) => {
    const { exited, output } = run(`${opening}
    const pool = await open({ allowExitOnIdle: true });
    await pool.query("select 1");
    pool.query("select pg_sleep(0.2)").then(() => console.log("answered"));
  `);
    expect([await exited, output()]).toEqual([[0, null], "answered\n"]);
  },
);

test.each(POOLS)("%s lets the process end after end()", async (_name, opening) => {
  const { exited, output } = run(`${opening}
    const pool = await open({ idleTimeoutMillis: 0 });
    await pool.query("select 1");
    await pool.end();
    console.log("ended");
  `);
  expect([await exited, output()]).toEqual([[0, null], "ended\n"]);
});
