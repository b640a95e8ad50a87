import type pg from "pg";
import { expect, test, vi } from "vitest";
import { type PostgresScene, setUpPostgres } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

/** Moves the secret to a user of its own, whose password is broken when the pool has gone over. */
async function rotateToBroken(scene: PostgresScene) {
  const clone = await scene.stageClone();
  await scene.adopt(clone.versionId);
  await stage.store.setPassword({ user: clone.user, password: "broken-EXAMPLE" });
  return clone;
}

const hold = (pool: pg.Pool, count: number) =>
  Promise.all(Array.from({ length: count }, () => pool.connect()));

const giveBack = (clients: readonly pg.PoolClient[]) => {
  for (const client of clients) client.release();
};

/** How many sessions serve at the same time. */
async function breadthOf(pool: pg.Pool, queries: number): Promise<number> {
  const clients = await hold(pool, queries);
  const pids = await Promise.all(clients.map((client) => client.query("select pg_backend_pid() as pid")));
  giveBack(clients);
  return new Set(pids.map(({ rows }) => rows[0].pid)).size;
}

test("whoever falls back has as many connections as the pool has", async () => {
  const scene = await begin("wide");
  const pool = await scene.open({ max: 5, warmUp: false, maxUses: 1 });
  await rotateToBroken(scene);
  expect(await breadthOf(pool, 5)).toBe(5);
});

test("when it is over the current credential has them all again", async () => {
  const scene = await begin("after");
  const pool = await scene.open({ max: 5, warmUp: false, maxUses: 1 });
  await rotateToBroken(scene);
  const held = await hold(pool, 5);
  const third = { user: `${scene.user}_third`, password: "third-EXAMPLE" };
  const versionId = await scene.stageUser(third);
  await scene.adopt(versionId);
  giveBack(held);
  await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
  expect(await breadthOf(pool, 5)).toBe(5);
});

test("a former credential that fails for a moment serves those who wait as soon as it is well", async () => {
  const scene = await begin("moment");
  const pool = await scene.open({ max: 10, warmUp: false, maxUses: 1 });
  await rotateToBroken(scene);
  await stage.store.limitSessionsOf(scene.user, 0);
  const waiting = Array.from({ length: 10 }, () => pool.query("select 1"));
  await vi.waitFor(() => expect(pool.waitingCount).toBeGreaterThan(0));
  await stage.store.limitSessionsOf(scene.user, -1);
  await Promise.all(waiting);
});

test("a checkout on the former credential that a swap overtakes is served by the next", async () => {
  const scene = await begin("overtaken");
  const pool = await scene.open({ max: 5, warmUp: false, maxUses: 1 });
  const clone = await rotateToBroken(scene);
  await stage.store.setPassword({ user: clone.user, password: "clone-EXAMPLE" });
  await stage.store.limitSessionsOf(clone.user, 0);
  await stage.store.limitSessionsOf(scene.user, 0);
  const third = { user: `${scene.user}_third`, password: "third-EXAMPLE" };
  const versionId = await scene.stageUser(third);
  let isRunning = true;
  const errors: unknown[] = [];
  const work = async () => {
    // No room for either: that is the store's own answer. It must not be given for the version that comes next.
    while (isRunning && !pool.ending) {
      const before = scene.outcomesOf(versionId).length;
      await pool.query("select 1").catch((error) => before > 0 && errors.push(error));
    }
  };
  const workers = [work(), work(), work()];
  await scene.adopt(versionId);
  await pool.query("select 1");
  isRunning = false;
  await Promise.all(workers);
  expect(errors).toEqual([]);
});
