import type pg from "pg";
import { expect, test, vi } from "vitest";
import { setUpPostgres } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

/** Holds so many connections with a transaction under way. */
const hold = (pool: pg.Pool, count: number) =>
  Promise.all(Array.from({ length: count }, () => pool.connect()));

test("the new credential has as many connections as the old one had when it takes over", async () => {
  const scene = await begin("warm");
  const pool = await scene.open({ max: 8 });
  const held = await hold(pool, 5);
  let openAtSwap: Promise<number> | undefined;
  pool.once("swapped", () => {
    openAtSwap = stage.store.sessionsOf(`${scene.user}_clone`);
  });
  const connected: string[] = [];
  pool.on("connect", () => connected.push("connect"));
  pool.on("acquire", () => connected.push("acquire"));
  const { versionId } = await scene.stageClone();
  await scene.adopt(versionId);
  expect(await openAtSwap).toBe(5);
  // An application that prepares its connections on "connect" prepares these too; it has acquired none of them.
  expect(connected).toEqual(Array(5).fill("connect"));
  for (const client of held) client.release();
  const [report] = scene.reports.filter((one) => one.versionId === versionId);
  expect(report?.timings.warmUpMs).toBeGreaterThan(0);
});

test("a pool that was idle for so long that its connections are closed opens none", async () => {
  const scene = await begin("cold");
  const pool = await scene.open({ idleTimeoutMillis: 1 });
  await pool.query("select 1");
  await vi.waitFor(() => expect(pool.totalCount).toBe(0));
  const { user, versionId } = await scene.stageClone();
  await scene.adopt(versionId);
  await vi.waitFor(async () => expect(await stage.store.sessionsOf(user)).toBe(0));
});

test("warmUp: false opens none either", async () => {
  const scene = await begin("unwarmed");
  const pool = await scene.open({ warmUp: false });
  const held = await hold(pool, 3);
  const { user, versionId } = await scene.stageClone();
  await scene.adopt(versionId);
  await vi.waitFor(async () => expect(await stage.store.sessionsOf(user)).toBe(0));
  for (const client of held) client.release();
});

test("a store that has no room for the warm-up is swapped to all the same", async () => {
  const scene = await begin("narrow");
  const pool = await scene.open({ max: 8 });
  const held = await hold(pool, 5);
  const clone = await scene.stageClone();
  await stage.store.limitSessionsOf(clone.user, 2);
  await scene.adopt(clone.versionId);
  const { rows } = await pool.query("select current_user as name");
  expect(rows[0].name).toBe(clone.user);
  for (const client of held) client.release();
});

test("connections that were warmed up are among those that connect and are removed, once each", async () => {
  const scene = await begin("balanced_warm");
  const pool = await scene.open({ max: 6 });
  const counts = { connect: 0, acquire: 0, release: 0, remove: 0 };
  for (const event of ["connect", "acquire", "release", "remove"] as const) {
    pool.on(event, () => {
      counts[event] += 1;
    });
  }
  const held = await hold(pool, 4);
  const { versionId } = await scene.stageClone();
  await scene.adopt(versionId);
  for (const client of held) client.release();
  await pool.end();
  await vi.waitFor(() => expect(counts).toEqual({ connect: 8, acquire: 4, release: 4, remove: 8 }));
});
