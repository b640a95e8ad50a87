import { afterEach, expect, test, vi } from "vitest";

import { setUpStage } from "./stage.ts";

const stage = setUpStage();
const { begin } = stage;
afterEach(() => stage.database.delayConnections(0));

test("slow connections are opened beside each other: none waits longer than the store takes", async () => {
  const scene = await begin("slow");
  const pool = await scene.open({ max: 10, connectionTimeoutMillis: 1_000 });
  stage.database.delayConnections(400);
  const queries = Array.from({ length: 10 }, () => pool.query("select 1 as n"));
  expect((await Promise.all(queries)).map(({ rows }) => rows[0].n)).toEqual(Array(10).fill(1));
});

test("connections that nobody answers do not keep others from being opened", async () => {
  const scene = await begin("stuck");
  const pool = await scene.open({ max: 10 });
  stage.database.delayConnections(Number.POSITIVE_INFINITY);
  const stuck = Array.from({ length: 5 }, () => pool.query("select 1").catch((error: Error) => error));
  await vi.waitFor(() => expect(stage.database.heldConnections()).toBe(5));
  stage.database.delayConnections(0);
  await Promise.all(Array.from({ length: 5 }, () => pool.query("select 1")));

  await stage.database.cutOff();
  await stage.database.restore();
  expect(await Promise.all(stuck)).toEqual(Array(5).fill(expect.any(Error)));
});

test("checkouts whose login nobody answers go on with the next credential", async () => {
  const scene = await begin("moved_over");
  const pool = await scene.open({ max: 10 });
  stage.database.delayConnections(Number.POSITIVE_INFINITY);
  const stuck = Array.from({ length: 3 }, () => pool.query("select 1 as n"));
  await vi.waitFor(() => expect(stage.database.heldConnections()).toBe(3));
  stage.database.delayConnections(0);
  const next = { user: scene.user, password: "second-EXAMPLE" };
  await stage.database.setPassword(next);
  await scene.announce(scene.secret.stage(next));
  expect((await Promise.all(stuck)).map(({ rows }) => rows[0].n)).toEqual([1, 1, 1]);
  await stage.database.cutOff();
  await stage.database.restore();
});

test("a second connect() on a client that works is refused, and leaves it working", async () => {
  const scene = await begin("twice");
  const pool = await scene.open();
  const client = await pool.connect();
  await expect(client.connect()).rejects.toThrow("already been connected");
  expect((await client.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
  client.release();
});

test("end() does not wait for a candidate whose login nobody answers", async () => {
  const scene = await begin("candidate_stuck");
  const pool = await scene.open();
  stage.database.delayConnections(Number.POSITIVE_INFINITY);
  const next = scene.secret.stage({ user: scene.user, password: "second-EXAMPLE" });
  await scene.announce(next);
  await vi.waitFor(() => expect(stage.database.heldConnections()).toBe(1));
  await pool.end();
  expect(scene.outcomesOf(next)).toEqual([]);
});

test("an onConnect that never settles is the application's connections' affair, not the adoption's", async () => {
  const scene = await begin("hook_hangs");
  const onConnect = vi.fn(() => new Promise<void>(() => {}));
  const pool = await scene.open({ onConnect });
  const next = { user: scene.user, password: "second-EXAMPLE" };
  const versionId = scene.secret.stage(next);
  await stage.database.setPassword(next);
  await scene.announce(versionId);
  await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["swapped"]));
  await pool.end();
  expect(onConnect).not.toHaveBeenCalled();
});
