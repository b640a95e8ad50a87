import { expect, test, vi } from "vitest";
import { type PostgresScene, setUpPostgres, userOf } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

async function rotateToClone(scene: PostgresScene) {
  const clone = await scene.stageClone();
  await scene.adopt(clone.versionId);
  return clone;
}

function collect() {
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (_: object, text: string) => warnings.push(text),
  };
  return { warnings, logger };
}

test("a checkout that the new credential fails is served by the one before, while that is valid", async () => {
  const scene = await begin("back");
  const { warnings, logger } = collect();
  const pool = await scene.open({ maxUses: 1, logger, warmUp: false });
  const clone = await rotateToClone(scene);
  await stage.store.setPassword({ user: clone.user, password: "broken-EXAMPLE" });
  for (let n = 0; n < 3; n += 1) expect(await userOf(pool)).toBe(scene.user);
  expect(warnings.filter((text) => text.startsWith("New credential fails"))).toHaveLength(1);
  expect(pool.totalCount).toBeLessThanOrEqual(2);
});

test("a server that has no room for the new user is no reason to fail either", async () => {
  const scene = await begin("no_room");
  const pool = await scene.open({ maxUses: 1 });
  const clone = await rotateToClone(scene);
  await stage.store.limitSessionsOf(clone.user, 0);
  expect(await userOf(pool)).toBe(scene.user);
  await stage.store.limitSessionsOf(clone.user, -1);
  expect(await userOf(pool)).toBe(clone.user);
});

test("a single user's former password is dead, and is not tried", async () => {
  const scene = await begin("no_back");
  const pool = await scene.open({ maxUses: 1, authWaitMs: 300 });
  await scene.rotate("second-EXAMPLE");
  await stage.store.setPassword({ user: scene.user, password: "other-EXAMPLE" });
  const refused = stage.store.refusedLogins();
  await expect(pool.query("select 1")).rejects.toMatchObject({ code: "28P01" });
  expect(stage.store.refusedLogins() - refused).toBe(1);
});

test("after the drain time nobody falls back", async () => {
  const scene = await begin("late_back");
  const pool = await scene.open({ maxUses: 1, drainTimeoutMs: 50, authWaitMs: 200 });
  const drained = new Promise((resolve) => pool.once("drained", resolve));
  const clone = await rotateToClone(scene);
  await stage.store.setPassword({ user: clone.user, password: "broken-EXAMPLE" });
  await drained;
  await vi.waitFor(() => expect(pool.query("select 1")).rejects.toMatchObject({ code: "28P01" }));
});

test("end() closes what was fallen back to", async () => {
  const scene = await begin("end_back");
  const pool = await scene.open({ maxUses: 1 });
  const clone = await rotateToClone(scene);
  await stage.store.setPassword({ user: clone.user, password: "broken-EXAMPLE" });
  const held = await pool.connect();
  const ended = pool.end();
  await held.query("select 1");
  held.release();
  await ended;
  await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
});
