import pg from "pg";
import { describe, expect, test, vi } from "vitest";
import { type Scene, startLoad } from "./fixtures.ts";
import { setUpStage } from "./stage.ts";

const stage = setUpStage();
let scene: Scene;

async function begin(name: string): Promise<Scene> {
  scene = await stage.begin(name);
  return scene;
}

describe("a single-user rotation", () => {
  test("fails no query under load while connections turn over, within the budget of refused logins", async () => {
    const { secret, user } = await begin("under_load");
    const pool = await scene.open({ max: 5, maxUses: 10 });
    const refusedBefore = stage.database.refusedLogins();
    const load = startLoad(pool, 20);
    await vi.waitFor(() => expect(load.queries).toBeGreaterThan(200));

    const next = { user, password: "second-EXAMPLE" };
    const versionId = secret.stage(next);
    await stage.database.setPassword(next);
    // The window: the old password is dead, the new version is not current. Everything ends up waiting.
    await vi.waitFor(() => expect(pool.waitingCount).toBe(20), { timeout: 5_000 });
    await scene.announce(versionId);

    const atSwap = load.queries;
    await vi.waitFor(() => expect(load.queries).toBeGreaterThan(atSwap + 200), { timeout: 5_000 });
    await load.stop();
    expect(load.errors).toEqual([]);
    expect(stage.database.refusedLogins() - refusedBefore).toBeLessThanOrEqual(5);
    await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["swapped"]));
  });

  test("holds with one connection and a queue behind it", async () => {
    const { secret, user } = await begin("max_one");
    const pool = await scene.open({ max: 1, maxUses: 1 });
    const refusedBefore = stage.database.refusedLogins();
    const next = { user, password: "second-EXAMPLE" };
    const versionId = secret.stage(next);
    await stage.database.setPassword(next);
    const queries = Promise.all(Array.from({ length: 10 }, () => pool.query("select current_user")));
    await vi.waitFor(() => expect(pool.waitingCount).toBe(10));
    await scene.announce(versionId);
    expect((await queries).map(({ rows }) => rows[0].current_user)).toEqual(Array(10).fill(user));
    expect(stage.database.refusedLogins() - refusedBefore).toBe(1);
  });

  test("parks 50 checkouts at once and serves all of them", async () => {
    const { secret, user } = await begin("fifty");
    const pool = await scene.open({ max: 10 });
    const refusedBefore = stage.database.refusedLogins();
    const next = { user, password: "second-EXAMPLE" };
    const versionId = secret.stage(next);
    await stage.database.setPassword(next);
    const queries = Promise.all(Array.from({ length: 50 }, (_, n) => pool.query("select $1::int as n", [n])));
    await vi.waitFor(() => expect(pool.waitingCount).toBe(50));
    await scene.announce(versionId);
    expect((await queries).map(({ rows }) => rows[0].n)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(stage.database.refusedLogins() - refusedBefore).toBeLessThanOrEqual(5);
    expect(pool.waitingCount).toBe(0);
  });

  test("goes on with a connection that is given back while others wait for the credential", async () => {
    const { user } = await begin("given_back");
    const pool = await scene.open({ max: 3 });
    const held = await pool.connect();
    await stage.database.setPassword({ user, password: "second-EXAMPLE" });
    const query = pool.query("select pg_backend_pid() as pid");
    await vi.waitFor(() => expect(pool.waitingCount).toBe(1));
    const { rows } = await held.query("select pg_backend_pid() as pid");
    held.release();
    expect((await query).rows).toEqual(rows);
  });

  test("is followed without a notice, by the failed login alone", async () => {
    const { secret, user } = await begin("no_notice");
    const pool = await scene.open();
    const next = { user, password: "second-EXAMPLE" };
    const versionId = secret.stage(next);
    await stage.database.setPassword(next);
    const query = pool.query("select 1");
    await vi.waitFor(() => expect(pool.waitingCount).toBe(1));
    secret.promote(versionId);
    await query;
    await vi.waitFor(() =>
      expect(scene.reports.at(-1)).toMatchObject({ versionId, trigger: "login-failure" }),
    );
  });

  test("reaches a pool that nobody uses", async () => {
    const { secret, user } = await begin("idle");
    const pool = await scene.open({ idleTimeoutMillis: 0, warmUp: false });
    await pool.query("select 1");
    const next = { user, password: "second-EXAMPLE" };
    const versionId = secret.stage(next);
    await stage.database.setPassword(next);
    await scene.announce(versionId);
    await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["swapped"]));
    await vi.waitFor(async () => expect(await stage.database.sessionsOf(user)).toBe(0));
    expect(scene.reports.at(-1)).toMatchObject({
      trigger: "notice",
      service: "test",
      currentSince: expect.any(String),
      timings: { fetchMs: expect.any(Number), verifyMs: expect.any(Number), totalMs: expect.any(Number) },
    });
    await pool.query("select 1");
  });

  test("gives the driver's own error where no credential works within authWaitMs", async () => {
    const { user } = await begin("too_long");
    const pool = await scene.open({ authWaitMs: 300 });
    await stage.database.setPassword({ user, password: "second-EXAMPLE" });
    const error = await pool.query("select 1").catch((thrown) => thrown);
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect(error.code).toBe("28P01");
    expect(pool.waitingCount).toBe(0);
  });
});

test("an alternating-users rotation fails no query, and the new user serves", async () => {
  const { secret } = await begin("alternating");
  const pool = await scene.open({ max: 5, maxUses: 10 });
  const load = startLoad(pool, 10);
  const clone = { user: "alternating_clone", password: "clone-EXAMPLE" };
  await stage.database.createUser(clone);
  const versionId = secret.stage(clone);
  await vi.waitFor(() => expect(load.queries).toBeGreaterThan(100));
  await scene.announce(versionId);
  await vi.waitFor(async () => {
    expect((await pool.query("select current_user as u")).rows[0].u).toBe(clone.user);
  });
  await load.stop();
  expect(load.errors).toEqual([]);
  await vi.waitFor(async () => expect(await stage.database.sessionsOf("alternating")).toBe(0));
});

test("two rotations within a second end on the second", async () => {
  const { secret, user } = await begin("twice");
  const pool = await scene.open({ max: 5, maxUses: 5 });
  const load = startLoad(pool, 10);
  const versionIds: string[] = [];
  for (const password of ["second-EXAMPLE", "third-EXAMPLE"]) {
    const versionId = secret.stage({ user, password });
    versionIds.push(versionId);
    await stage.database.setPassword({ user, password });
    await scene.announce(versionId);
  }
  const [, last = ""] = versionIds;
  await vi.waitFor(() => expect(scene.outcomesOf(last)).toEqual(["swapped"]), { timeout: 5_000 });
  const atSwap = load.queries;
  await vi.waitFor(() => expect(load.queries).toBeGreaterThan(atSwap + 100), { timeout: 5_000 });
  await load.stop();
  expect(load.errors).toEqual([]);
});
