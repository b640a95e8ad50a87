import { afterEach, expect, test, vi } from "vitest";

import { setUpPostgres } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;
afterEach(() => stage.store.delayConnections(0));

test("slow connections are opened beside each other: none waits longer than the store takes", async () => {
  const scene = await begin("slow");
  const pool = await scene.open({ max: 10, connectionTimeoutMillis: 1_000 });
  stage.store.delayConnections(400);
  const queries = Array.from({ length: 10 }, () => pool.query("select 1 as n"));
  expect((await Promise.all(queries)).map(({ rows }) => rows[0].n)).toEqual(Array(10).fill(1));
});

test("connections that nobody answers do not keep others from being opened", async () => {
  const scene = await begin("stuck");
  const pool = await scene.open({ max: 10 });
  stage.store.delayConnections(Number.POSITIVE_INFINITY);
  const stuck = Array.from({ length: 5 }, () => pool.query("select 1").catch((error: Error) => error));
  await vi.waitFor(() => expect(stage.store.heldConnections()).toBe(5));
  stage.store.delayConnections(0);
  await Promise.all(Array.from({ length: 5 }, () => pool.query("select 1")));

  await stage.store.cutOff();
  await stage.store.restore();
  expect(await Promise.all(stuck)).toEqual(Array(5).fill(expect.any(Error)));
});

test("checkouts whose login nobody answers go on with the next credential", async () => {
  const scene = await begin("moved_over");
  const pool = await scene.open({ max: 10 });
  stage.store.delayConnections(Number.POSITIVE_INFINITY);
  const stuck = Array.from({ length: 3 }, () => pool.query("select 1 as n"));
  await vi.waitFor(() => expect(stage.store.heldConnections()).toBe(3));
  stage.store.delayConnections(0);
  await scene.announce(await scene.changePassword("second-EXAMPLE"));
  expect((await Promise.all(stuck)).map(({ rows }) => rows[0].n)).toEqual([1, 1, 1]);
  await stage.store.cutOff();
  await stage.store.restore();
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
  stage.store.delayConnections(Number.POSITIVE_INFINITY);
  const next = scene.stage("second-EXAMPLE");
  await scene.announce(next);
  await vi.waitFor(() => expect(stage.store.heldConnections()).toBe(1));
  await pool.end();
  expect(scene.outcomesOf(next)).toEqual([]);
});

test("an onConnect that never settles is the application's connections' affair, not the adoption's", async () => {
  const scene = await begin("hook_hangs");
  const onConnect = vi.fn(() => new Promise<void>(() => {}));
  const pool = await scene.open({ onConnect });
  await scene.rotate("second-EXAMPLE");
  await pool.end();
  expect(onConnect).not.toHaveBeenCalled();
});
