import pg from "pg";
import { describe, expect, test, vi } from "vitest";
import { startLoad } from "./load.ts";
import { setUpPostgres, userOf } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

describe("a single-user rotation", () => {
  test("fails no query under load while connections turn over, within the budget of refused logins", async () => {
    const scene = await begin("under_load");
    const pool = await scene.open({ max: 5, maxUses: 10 });
    const refusedBefore = stage.store.refusedLogins();
    const load = startLoad(() => pool.query("select 1"), 20);
    await vi.waitFor(() => expect(load.done).toBeGreaterThan(200));

    const versionId = await scene.changePassword("second-EXAMPLE");
    // The window: the old password is dead, the new version is not current. Everything ends up waiting.
    await vi.waitFor(() => expect(pool.waitingCount).toBe(20), { timeout: 5_000 });
    await scene.announce(versionId);

    const atSwap = load.done;
    await vi.waitFor(() => expect(load.done).toBeGreaterThan(atSwap + 200), { timeout: 5_000 });
    await load.stop();
    expect(load.errors).toEqual([]);
    expect(stage.store.refusedLogins() - refusedBefore).toBeLessThanOrEqual(5);
    await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["swapped"]));
  });

  test("holds with one connection and a queue behind it", async () => {
    const scene = await begin("max_one");
    const pool = await scene.open({ max: 1, maxUses: 1 });
    const refusedBefore = stage.store.refusedLogins();
    const versionId = await scene.changePassword("second-EXAMPLE");
    const queries = Promise.all(Array.from({ length: 10 }, () => pool.query("select current_user")));
    await vi.waitFor(() => expect(pool.waitingCount).toBe(10));
    await scene.announce(versionId);
    expect((await queries).map(({ rows }) => rows[0].current_user)).toEqual(Array(10).fill(scene.user));
    expect(stage.store.refusedLogins() - refusedBefore).toBe(1);
  });

  test("parks 50 checkouts at once and serves all of them", async () => {
    const scene = await begin("fifty");
    const pool = await scene.open({ max: 10 });
    const refusedBefore = stage.store.refusedLogins();
    const versionId = await scene.changePassword("second-EXAMPLE");
    const queries = Promise.all(Array.from({ length: 50 }, (_, n) => pool.query("select $1::int as n", [n])));
    await vi.waitFor(() => expect(pool.waitingCount).toBe(50));
    await scene.announce(versionId);
    expect((await queries).map(({ rows }) => rows[0].n)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(stage.store.refusedLogins() - refusedBefore).toBeLessThanOrEqual(5);
    expect(pool.waitingCount).toBe(0);
  });

  test("goes on with a connection that is given back while others wait for the credential", async () => {
    const scene = await begin("given_back");
    const pool = await scene.open({ max: 3 });
    const held = await pool.connect();
    await stage.store.setPassword({ user: scene.user, password: "second-EXAMPLE" });
    const query = pool.query("select pg_backend_pid() as pid");
    await vi.waitFor(() => expect(pool.waitingCount).toBe(1));
    const { rows } = await held.query("select pg_backend_pid() as pid");
    held.release();
    expect((await query).rows).toEqual(rows);
  });

  test("is followed without a notice, by the failed login alone", async () => {
    const scene = await begin("no_notice");
    const pool = await scene.open();
    const versionId = await scene.changePassword("second-EXAMPLE");
    const query = pool.query("select 1");
    await vi.waitFor(() => expect(pool.waitingCount).toBe(1));
    scene.secret.promote(versionId);
    await query;
    await vi.waitFor(() =>
      expect(scene.reports.at(-1)).toMatchObject({ versionId, trigger: "login-failure" }),
    );
  });

  test("reaches a pool that nobody uses", async () => {
    const scene = await begin("idle");
    const pool = await scene.open({ idleTimeoutMillis: 0, warmUp: false });
    await pool.query("select 1");
    await scene.rotate("second-EXAMPLE");
    await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
    expect(scene.reports.at(-1)).toMatchObject({
      trigger: "notice",
      service: "test",
      currentSince: expect.any(String),
      timings: { fetchMs: expect.any(Number), verifyMs: expect.any(Number), totalMs: expect.any(Number) },
    });
    await pool.query("select 1");
  });

  test("gives the driver's own error where no credential works within authWaitMs", async () => {
    const scene = await begin("too_long");
    const pool = await scene.open({ authWaitMs: 300 });
    await stage.store.setPassword({ user: scene.user, password: "second-EXAMPLE" });
    const error = await pool.query("select 1").catch((thrown) => thrown);
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect(error.code).toBe("28P01");
    expect(pool.waitingCount).toBe(0);
  });
});

test("an alternating-users rotation fails no query, and the new user serves", async () => {
  const scene = await begin("alternating");
  const pool = await scene.open({ max: 5, maxUses: 10 });
  const load = startLoad(() => pool.query("select 1"), 10);
  const clone = await scene.stageClone();
  await vi.waitFor(() => expect(load.done).toBeGreaterThan(100));
  await scene.announce(clone.versionId);
  await vi.waitFor(async () => {
    expect(await userOf(pool)).toBe(clone.user);
  });
  await load.stop();
  expect(load.errors).toEqual([]);
  await vi.waitFor(async () => expect(await stage.store.sessionsOf("alternating")).toBe(0));
});

test("two rotations within a second end on the second", async () => {
  const scene = await begin("twice");
  const pool = await scene.open({ max: 5, maxUses: 5 });
  const load = startLoad(() => pool.query("select 1"), 10);
  const versionIds: string[] = [];
  for (const password of ["second-EXAMPLE", "third-EXAMPLE"]) {
    const versionId = await scene.changePassword(password);
    versionIds.push(versionId);
    await scene.announce(versionId);
  }
  const [, last = ""] = versionIds;
  await vi.waitFor(() => expect(scene.outcomesOf(last)).toEqual(["swapped"]), { timeout: 5_000 });
  const atSwap = load.done;
  await vi.waitFor(() => expect(load.done).toBeGreaterThan(atSwap + 100), { timeout: 5_000 });
  await load.stop();
  expect(load.errors).toEqual([]);
});
