import { expect, test, vi } from "vitest";
import { startLoad } from "./load.ts";
import { setUpPostgres } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

test("with tryPending, a dead password is followed by the version that waits, before it is current", async () => {
  const scene = await begin("ahead");
  const pool = await scene.open({ tryPending: true, maxUses: 5 });
  const next = { user: scene.user, password: "second-EXAMPLE" };
  const versionId = scene.stage(next.password);
  const load = startLoad(() => pool.query("select 1"), 4);
  await stage.store.setPassword(next);
  await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["swapped"]), { timeout: 5_000 });
  expect(scene.secret.currentVersionId).not.toBe(versionId);
  await scene.announce(versionId);
  await load.stop();
  expect(load.errors).toEqual([]);
  expect(scene.outcomesOf(versionId)).toEqual(["swapped"]);
  expect((await pool.health()).versionId).toBe(versionId);
});

test("without tryPending, nothing is read ahead", async () => {
  const scene = await begin("not_ahead");
  const pool = await scene.open({ authWaitMs: 300, maxUses: 1 });
  const versionId = await scene.changePassword("second-EXAMPLE");
  await expect(pool.query("select 1")).rejects.toMatchObject({ code: "28P01" });
  expect(scene.outcomesOf(versionId)).toEqual([]);
});

test("a version that was refused ahead of its turn is no rejection, and has a login when it is current", async () => {
  const scene = await begin("too_early");
  const pool = await scene.open({ tryPending: true, maxUses: 1 });
  const first = scene.secret.currentVersionId;
  const next = { user: scene.user, password: "second-EXAMPLE" };
  const versionId = scene.stage(next.password);
  // Neither is valid for a moment: the password is a third one.
  await stage.store.setPassword({ user: scene.user, password: "other-EXAMPLE" });
  const waiting = pool.query("select 1");
  const refused = stage.store.refusedLogins();
  await vi.waitFor(() => expect(stage.store.refusedLogins()).toBeGreaterThan(refused + 1));
  await stage.store.setPassword(next);
  await scene.announce(versionId);
  await waiting;
  await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["swapped"]));
  expect(scene.outcomesOf(first)).toEqual(["swapped"]);
});

test("a rotation that is given up takes the pool back to the version that is still current", async () => {
  const scene = await begin("given_up");
  const pool = await scene.open({ tryPending: true, maxUses: 1 });
  const first = scene.secret.currentVersionId;
  const versionId = await scene.changePassword("second-EXAMPLE");
  await pool.query("select 1");
  expect((await pool.health()).versionId).toBe(versionId);
  await stage.store.setPassword({ user: scene.user, password: "first-EXAMPLE" });
  await pool.query("select 1");
  expect((await pool.health()).versionId).toBe(first);
});

test("a start in the middle of a rotation takes the version that waits", async () => {
  const scene = await begin("start_ahead");
  const versionId = await scene.changePassword("second-EXAMPLE");
  const pool = await scene.open({ tryPending: true });
  expect((await pool.health()).versionId).toBe(versionId);
});
