import type pg from "pg";
import { beforeEach, expect, test } from "vitest";
import { LoginBudget, LoginGate } from "../../../../client/src/core/login-gate.ts";
import { VersionPool } from "../../../../client/src/postgres/version-pool.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";
import { StandInClient } from "./stand-in-client.ts";

beforeEach(() => {
  StandInClient.opened.length = 0;
});

function openPool() {
  const heard: string[] = [];
  const pool = new VersionPool({
    config: { Client: StandInClient as unknown as typeof pg.Client },
    credential: {
      host: "db.example",
      port: 5432,
      database: "shop",
      user: "orders",
      password: new Redacted("first-EXAMPLE"),
    },
    gate: new LoginGate({ budget: new LoginBudget(10), isAuthFailure: () => false }),
    onEvent: (name) => heard.push(name),
  });
  return { pool, heard };
}

test("a connection that was warmed up has answered a query before it is idle", async () => {
  const { pool, heard } = openPool();
  await pool.warmUp(3);
  expect(StandInClient.opened.map(({ asked }) => asked)).toEqual(Array(3).fill(["select 1"]));
  expect(pool.idleCount).toBe(3);
  expect(heard).toEqual(["connect", "connect", "connect"]);
  await pool.retire();
});

test("a connection that does not answer the warm-up is not kept", async () => {
  const { pool, heard } = openPool();
  StandInClient.failing = 1;
  await pool.warmUp(3);
  expect(pool.idleCount).toBe(2);
  expect(pool.inUse).toBe(0);
  expect(heard.toSorted()).toEqual(["connect", "connect", "connect", "remove"]);
  await pool.retire();
});
