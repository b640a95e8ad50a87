import { type Generated, Kysely, PostgresDialect, sql } from "kysely";
import type pg from "pg";
import Cursor from "pg-cursor";
import { expect, test, vi } from "vitest";
import { type DataLayer, describeDataLayer, type Orders } from "./data-layer.ts";

interface Tables {
  orders: { id: Generated<number>; item: string };
}

const kysely = (pool: pg.Pool) =>
  new Kysely<Tables>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) });

function ordersOf(db: Kysely<Tables>): Orders {
  return {
    async session() {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
      return rows[0]?.pid ?? 0;
    },
    async place(item) {
      await db.insertInto("orders").values({ item }).execute();
    },
    async items() {
      const rows = await db.selectFrom("orders").select("item").orderBy("id").execute();
      return rows.map(({ item }) => item);
    },
  };
}

function overPool(pool: pg.Pool): DataLayer {
  const db = kysely(pool);
  return {
    ...ordersOf(db),
    transaction: (work) => db.transaction().execute((trx) => work(ordersOf(trx))),
  };
}

const stage = describeDataLayer("Kysely", overPool);

test("Kysely streams rows by a cursor and gives the connection back", async () => {
  const pool = await (await stage.begin("streams")).open({ max: 1 });
  const db = kysely(pool);
  await db
    .insertInto("orders")
    .values(["tea", "milk", "sugar"].map((item) => ({ item })))
    .execute();
  const items: string[] = [];
  for await (const { item } of db.selectFrom("orders").select("item").orderBy("id").stream(2))
    items.push(item);
  expect(items).toEqual(["tea", "milk", "sugar"]);
  expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
});

test("Kysely cancels a query that is aborted, on a connection of its own with the new credential", async () => {
  const scene = await stage.begin("cancels");
  const pool = await scene.open({ max: 1, connectionTimeoutMillis: 500 });
  const db = kysely(pool);
  await scene.rotate("second-EXAMPLE");
  await ordersOf(db).items();
  const abort = new AbortController();
  const query = sql`select pg_sleep(3)`
    .execute(db, { signal: abort.signal, inflightQueryAbortStrategy: "cancel query" })
    .catch((error) => error);
  await vi.waitFor(() => expect([pool.totalCount, pool.idleCount]).toEqual([1, 0]));
  abort.abort();
  expect(await query).toBeInstanceOf(Error);
  // Only a query that was cancelled gives its connection to the next in time.
  expect((await sql`select 1 as n`.execute(db)).rows).toEqual([{ n: 1 }]);
});

test("Kysely ends the pool when it is destroyed", async () => {
  const pool = await (await stage.begin("destroys")).open();
  const db = kysely(pool);
  await ordersOf(db).items();
  await db.destroy();
  expect(pool.ended).toBe(true);
});
