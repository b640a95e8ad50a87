import knex, { type Knex } from "knex";
import type pg from "pg";
import { expect, test } from "vitest";
import { type DataLayer, describeDataLayer, type Orders } from "./data-layer.ts";

const over = (pool: pg.Pool) => knex({ client: "pg", connectionPool: pool });

function ordersOf(db: Knex): Orders {
  return {
    async session() {
      const { rows } = await db.raw<{ rows: { pid: number }[] }>("select pg_backend_pid() as pid");
      return rows[0]?.pid ?? 0;
    },
    async place(item) {
      await db("orders").insert({ item });
    },
    items: () => db("orders").orderBy("id").pluck<string[]>("item"),
  };
}

function overPool(pool: pg.Pool): DataLayer {
  const db = over(pool);
  return {
    ...ordersOf(db),
    transaction: (work) => db.transaction((trx) => work(ordersOf(trx))),
  };
}

const stage = describeDataLayer("Knex", overPool);

test("Knex holds a savepoint within a transaction", async () => {
  const pool = await (await stage.begin("savepoint")).open();
  const db = over(pool);
  await db.transaction(async (trx) => {
    await ordersOf(trx).place("tea");
    const inner = trx.transaction(async (nested) => {
      await ordersOf(nested).place("milk");
      throw new Error("out of milk");
    });
    await expect(inner).rejects.toThrow("out of milk");
  });
  expect(await ordersOf(db).items()).toEqual(["tea"]);
});

test("Knex leaves the pool to its owner when it is destroyed", async () => {
  const pool = await (await stage.begin("destroys")).open();
  const db = over(pool);
  await ordersOf(db).items();
  await db.destroy();
  expect(pool.ending).toBe(false);
  await pool.query("select 1");
});
