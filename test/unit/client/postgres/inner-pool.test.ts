import type pg from "pg";
import { expect, test } from "vitest";
import { InnerPool } from "../../../../client/src/postgres/inner-pool.ts";
import { StandInClient } from "./stand-in-client.ts";

function openPool() {
  const heard: unknown[][] = [];
  const pool = new InnerPool(
    { Client: StandInClient as unknown as typeof pg.Client },
    {
      acquired: (client) => heard.push(["acquired", client]),
      released: (error, client) => heard.push(["released", error, client]),
    },
  );
  return { pool, heard };
}

test("tells of each checkout, and with which error it was given back", async () => {
  const { pool, heard } = openPool();
  const first = await pool.connect();
  first.release();
  const second = await pool.connect();
  const broken = new Error("broken");
  second.release(broken);
  expect(second).toBe(first);
  expect(heard).toEqual([
    ["acquired", first],
    ["released", undefined, first],
    ["acquired", first],
    ["released", broken, first],
  ]);
  await pool.end();
});

test("whoever listens to the pool as well hears what pg.Pool emits, in its order", async () => {
  const { pool } = openPool();
  const heard: string[] = [];
  for (const event of ["connect", "acquire", "release", "remove"] as const) {
    pool.on(event, () => heard.push(event));
  }
  const client = await pool.connect();
  client.release(true);
  expect(heard).toEqual(["connect", "acquire", "release", "remove"]);
  await pool.end();
});
