import { sql } from "drizzle-orm";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { pgTable, serial, text } from "drizzle-orm/pg-core";
import type pg from "pg";
import { expect, test } from "vitest";
import { type DataLayer, describeDataLayer, type Orders } from "./data-layer.ts";

const orders = pgTable("orders", { id: serial("id").primaryKey(), item: text("item").notNull() });

function ordersOf(db: Pick<NodePgDatabase, "select" | "insert" | "execute">): Orders {
  return {
    async session() {
      const { rows } = await db.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
      return rows[0]?.pid ?? 0;
    },
    async place(item) {
      await db.insert(orders).values({ item });
    },
    async items() {
      const rows = await db.select({ item: orders.item }).from(orders).orderBy(orders.id);
      return rows.map(({ item }) => item);
    },
  };
}

function overPool(pool: pg.Pool): DataLayer {
  const db = drizzle(pool);
  return {
    ...ordersOf(db),
    transaction: (work) => db.transaction((tx) => work(ordersOf(tx))),
  };
}

const stage = describeDataLayer("Drizzle", overPool);

test("Drizzle reads by its relational queries and by prepared statements", async () => {
  const pool = await (await stage.begin("relational")).open();
  const db = drizzle(pool, { schema: { orders } });
  const byItem = db.query.orders
    .findFirst({ where: (row, { eq }) => eq(row.item, sql.placeholder("item")) })
    .prepare("by_item");
  await db.insert(orders).values([{ item: "tea" }, { item: "milk" }]);
  expect(await byItem.execute({ item: "milk" })).toMatchObject({ item: "milk" });
  expect(await byItem.execute({ item: "beer" })).toBeUndefined();
});

test("Drizzle holds a savepoint within a transaction", async () => {
  const pool = await (await stage.begin("savepoint")).open();
  const db = drizzle(pool);
  await db.transaction(async (tx) => {
    await tx.insert(orders).values({ item: "tea" });
    const inner = tx.transaction(async (nested) => {
      await nested.insert(orders).values({ item: "milk" });
      nested.rollback();
    });
    await expect(inner).rejects.toThrow("Rollback");
  });
  expect(await ordersOf(db).items()).toEqual(["tea"]);
});
