import { once } from "node:events";
import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import type { SecretVersion } from "../../../client/src/core/secret-source.ts";
import { createRotatingPool } from "../../../client/src/pg.ts";
import { type LocalPostgres, startPostgres } from "../../../local/stores/postgres.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";

const ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:test/orders-AbCdEf";
const LOGIN = { username: "orders", password: "first-EXAMPLE" };

let postgres: LocalPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
  const { host, port, superuser, superuserPassword } = postgres;
  const admin = new pg.Client({
    host,
    port,
    user: superuser,
    password: superuserPassword,
    database: superuser,
  });
  await admin.connect();
  await admin.query(`create role ${LOGIN.username} login password '${LOGIN.password}'`);
  for (const name of ["shop", "private"]) await admin.query(`create database ${name}`);
  await admin.query("revoke connect on database private from public");
  await admin.end();
});
afterAll(() => postgres.stop());

test.each([
  ["may not connect to its database", "private", "42501"],
  ["names a database that does not exist", "missing", "3D000"],
])("a credential that logs in and %s is rejected, and the old pool serves", async (_what, dbname, code) => {
  const { host, port } = postgres;
  const version = (versionId: string, database: string): SecretVersion => ({
    secretArn: ARN,
    versionId,
    labels: ["AWSCURRENT"],
    value: new Redacted(JSON.stringify({ ...LOGIN, host, port, dbname: database })),
  });
  let current = version("00000000-0000-4000-8000-000000000001", "shop");
  const read = async () => current;
  const pool = await createRotatingPool({
    secretId: ARN,
    secrets: { readCurrent: read, readVersion: read },
    refreshIntervalMs: 50,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  onTestFinished(() => pool.end());
  const refused = vi.fn();
  pool.on("login-refused", refused);
  const rejected = once(pool, "rejected");
  current = version("00000000-0000-4000-8000-000000000002", dbname);
  expect(await rejected).toEqual([
    expect.objectContaining({ versionId: current.versionId, reason: expect.objectContaining({ code }) }),
  ]);
  expect(refused).not.toHaveBeenCalled();
  const { rows } = await pool.query("select current_database() as name");
  expect(rows).toEqual([{ name: "shop" }]);
});
