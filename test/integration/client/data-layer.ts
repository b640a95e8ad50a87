import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { RotatingPool } from "../../../client/src/postgres/rotating-pool.ts";
import { DATABASE_NAME } from "./database.ts";
import { type PostgresStage, setUpPostgres } from "./postgres-scene.ts";

/** What an application does by its ORM, in a transaction or without. */
export interface Orders {
  /** The session with the server that this statement ran on. */
  session(): Promise<number>;
  place(item: string): Promise<void>;
  items(): Promise<string[]>;
}

/** An ORM or query builder over a pool. */
export interface DataLayer extends Orders {
  /** Commits where the work resolves, rolls back where it rejects. */
  transaction(work: (orders: Orders) => Promise<void>): Promise<void>;
}

export type OverPool = (pool: pg.Pool) => DataLayer | Promise<DataLayer>;

export const CREATE_ORDERS = `
  create table orders (id serial primary key, item text not null);
  grant all on orders, orders_id_seq to public`;

/** Sets up a database with a table of orders, empty at the start of each test. Call it at the top of a test file. */
export function setUpOrders(): PostgresStage {
  const stage = setUpPostgres();
  let owner: pg.Client | undefined;
  beforeAll(async () => {
    // Of the database's owner we know the name; a password of ours lets us in.
    const login = { user: "postgres", password: "owner-EXAMPLE" };
    await stage.store.setPassword(login);
    owner = new pg.Client({
      ...login,
      host: "127.0.0.1",
      port: stage.store.port,
      database: DATABASE_NAME,
    });
    await owner.connect();
    await owner.query(CREATE_ORDERS);
  });
  afterEach(() => owner?.query("truncate orders"));
  // Hooks run in reverse: before the database stops.
  afterAll(() => owner?.end());
  return stage;
}

/** What must hold for every ORM over a rotating pool. */
export function describeDataLayer(name: string, overPool: OverPool): PostgresStage {
  const stage = setUpOrders();

  async function open(user: string, options: { max?: number; maxUses?: number } = {}) {
    const scene = await stage.begin(user);
    const pool: RotatingPool = await scene.open(options);
    return { scene, pool, layer: await overPool(pool) };
  }

  describe(`${name} over a rotating pool`, () => {
    test("writes and reads", async () => {
      const { pool, layer } = await open("plain");
      await layer.place("tea");
      await layer.place("milk");
      expect(await layer.items()).toEqual(["tea", "milk"]);
      expect(pool.idleCount).toBe(pool.totalCount);
    });

    test("commits a transaction, all of it on one session while others run beside it", async () => {
      const { pool, layer } = await open("commits");
      const sessions = new Set<number>();
      await layer.transaction(async (orders) => {
        for (const item of ["tea", "milk", "sugar"]) {
          sessions.add(await orders.session());
          await orders.place(item);
          expect(sessions).not.toContain(await layer.session());
          expect(await layer.items()).toEqual([]);
        }
      });
      expect(sessions.size).toBe(1);
      expect(await layer.items()).toEqual(["tea", "milk", "sugar"]);
      expect(pool.idleCount).toBe(pool.totalCount);
    });

    test("rolls a transaction back where the work fails, and hands on its error", async () => {
      const { pool, layer } = await open("rolls_back", { max: 1 });
      const work = layer.transaction(async (orders) => {
        await orders.place("tea");
        expect(await orders.items()).toEqual(["tea"]);
        throw new Error("out of tea");
      });
      await expect(work).rejects.toThrow("out of tea");
      expect(await layer.items()).toEqual([]);
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
    });

    test("commits a transaction that was open across a rotation, on its old session", async () => {
      const { scene, pool, layer } = await open("across");
      const sessions = new Set<number>();
      await layer.transaction(async (orders) => {
        sessions.add(await orders.session());
        await orders.place("tea");
        await scene.rotate("second-EXAMPLE");
        expect(sessions).not.toContain(await layer.session());
        sessions.add(await orders.session());
        await orders.place("milk");
        expect(await layer.items()).toEqual([]);
      });
      expect(sessions.size).toBe(1);
      expect(await layer.items()).toEqual(["tea", "milk"]);
      await vi.waitFor(() => expect(pool.totalCount).toBe(1));
      expect(sessions).not.toContain(await layer.session());
    });

    test("rolls back a transaction that was open across a rotation", async () => {
      const { scene, layer } = await open("across_back");
      const work = layer.transaction(async (orders) => {
        await orders.place("tea");
        await scene.rotate("second-EXAMPLE");
        throw new Error("out of tea");
      });
      await expect(work).rejects.toThrow("out of tea");
      expect(await layer.items()).toEqual([]);
    });

    test("fails nothing through two rotations: queries, transactions, and logins all the while", async () => {
      const { scene, layer } = await open("load", { max: 5, maxUses: 10 });
      const errors: unknown[] = [];
      let done = 0;
      let isRunning = true;
      const repeat = async (work: () => Promise<unknown>) => {
        while (isRunning) {
          await work().catch((error) => errors.push(error));
          done += 1;
        }
      };
      const transact = () =>
        layer.transaction(async (orders) => {
          const session = await orders.session();
          await orders.place("tea");
          if ((await orders.session()) !== session) throw new Error("A transaction ran on two sessions");
        });
      const workers = [transact, transact, () => layer.items(), () => layer.session(), () => layer.session()];
      const running = Promise.all(workers.map(repeat));
      for (const password of ["second-EXAMPLE", "third-EXAMPLE"]) {
        const before = done;
        await vi.waitFor(() => expect(done).toBeGreaterThan(before + 50), { timeout: 5_000 });
        await scene.rotate(password);
      }
      const last = done;
      await vi.waitFor(() => expect(done).toBeGreaterThan(last + 50), { timeout: 5_000 });
      isRunning = false;
      await running;
      expect(errors).toEqual([]);
    });
  });
  return stage;
}
