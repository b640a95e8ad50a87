import { PrismaPg } from "@prisma/adapter-pg";
import type pg from "pg";
import { expect, test, vi } from "vitest";
import { type DataLayer, describeDataLayer, type Orders } from "./data-layer.ts";

type Adapter = Awaited<ReturnType<PrismaPg["connect"]>>;
type Runner = Pick<Adapter, "queryRaw" | "executeRaw">;

/** A statement as Prisma's engine hands it to its adapter. */
const statement = (sql: string, ...args: string[]) => ({
  sql,
  args,
  argTypes: args.map(() => ({ scalarType: "string", arity: "scalar" }) as const),
});

function ordersOf(runner: Runner): Orders {
  return {
    async session() {
      const { rows } = await runner.queryRaw(statement("select pg_backend_pid()"));
      return Number(rows[0]?.[0]);
    },
    async place(item) {
      await runner.executeRaw(statement("insert into orders (item) values ($1)", item));
    },
    async items() {
      const { rows } = await runner.queryRaw(statement("select item from orders order by id"));
      return rows.map(([item]) => String(item));
    },
  };
}

/** As the engine does it: it sends COMMIT and ROLLBACK itself, and tells the adapter after. */
async function transact(adapter: Adapter, work: (orders: Orders) => Promise<void>): Promise<void> {
  const transaction = await adapter.startTransaction("READ COMMITTED");
  try {
    await work(ordersOf(transaction));
  } catch (error) {
    await transaction.executeRaw(statement("ROLLBACK"));
    await transaction.rollback();
    throw error;
  }
  await transaction.executeRaw(statement("COMMIT"));
  await transaction.commit();
}

async function overPool(pool: pg.Pool): Promise<DataLayer> {
  const adapter = await new PrismaPg(pool).connect();
  return { ...ordersOf(adapter), transaction: (work) => transact(adapter, work) };
}

const stage = describeDataLayer("Prisma's adapter", overPool);

test("Prisma's adapter takes the pool as it is, and leaves it to its owner", async () => {
  const pool = await (await stage.begin("external")).open();
  const listeners = pool.listenerCount("error");
  const adapter = await new PrismaPg(pool).connect();
  expect(adapter.underlyingDriver()).toBe(pool);
  await adapter.dispose();
  expect(pool.listenerCount("error")).toBe(listeners);
  await pool.query("select 1");
});

test("Prisma's adapter ends the pool where it is told to", async () => {
  const pool = await (await stage.begin("disposed")).open();
  const adapter = await new PrismaPg(pool, { disposeExternalPool: true }).connect();
  await adapter.dispose();
  expect(pool.ended).toBe(true);
});

test("Prisma's adapter tells of the server's error by its code", async () => {
  const pool = await (await stage.begin("errors")).open();
  const adapter = await new PrismaPg(pool).connect();
  await expect(adapter.queryRaw(statement("select * from nowhere"))).rejects.toMatchObject({
    cause: { originalCode: "42P01", kind: "TableDoesNotExist" },
  });
});

test("Prisma's adapter hears of a transaction that the drain deadline cut off", async () => {
  const scene = await stage.begin("cut_off");
  const pool = await scene.open({ drainTimeoutMs: 100 });
  const heard: string[] = [];
  const adapter = await new PrismaPg(pool, {
    onConnectionError: (error) => heard.push(error.message),
    onPoolError: (error) => heard.push(`pool: ${error.message}`),
  }).connect();
  const transaction = await adapter.startTransaction();
  await scene.rotate("second-EXAMPLE");
  await vi.waitFor(() => expect(heard).toContain("Connection terminated unexpectedly"));
  await expect(transaction.executeRaw(statement("COMMIT"))).rejects.toThrow();
  await transaction.rollback();
  expect(await ordersOf(adapter).items()).toEqual([]);
});
