import { describe, expect, test, vi } from "vitest";
import { startLoad } from "./load.ts";
import { setUpPostgres } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

describe("events", () => {
  test("tell of no connection that the application does not get", async () => {
    const scene = await begin("no_events");
    const pool = await scene.open();
    const heard: string[] = [];
    for (const event of ["connect", "acquire", "release", "remove"] as const) {
      pool.on(event, () => heard.push(event));
    }
    await scene.rotate("second-EXAMPLE");
    await scene.rotate("third-EXAMPLE");
    expect(heard).toEqual([]);
  });

  test("are balanced over rotations: whatever connects is removed, whatever is acquired is released", async () => {
    const scene = await begin("balanced");
    const pool = await scene.open({ max: 3, maxUses: 20 });
    const counts = { connect: 0, acquire: 0, release: 0, remove: 0 };
    for (const event of ["connect", "acquire", "release", "remove"] as const) {
      pool.on(event, () => {
        counts[event] += 1;
      });
    }
    const load = startLoad(() => pool.query("select 1"), 10);
    await scene.rotate("second-EXAMPLE");
    await scene.rotate("third-EXAMPLE");
    await load.stop();
    await pool.end();
    expect(load.errors).toEqual([]);
    expect(counts.connect).toBeGreaterThan(3);
    await vi.waitFor(() => expect(counts.remove).toBe(counts.connect));
    expect(counts.release).toBe(counts.acquire);
  });
});

test("old and new connections together keep to max: with one to spare on the server, no query fails", async () => {
  const scene = await begin("limited");
  await stage.store.limitSessionsOf(scene.user, 5);
  const pool = await scene.open({ max: 4 });
  const errors: unknown[] = [];
  let isRunning = true;
  const workers = Array.from({ length: 8 }, async () => {
    while (isRunning) await pool.query("select pg_sleep(0.05)").catch((error) => errors.push(error));
  });
  await vi.waitFor(() => expect(pool.totalCount).toBe(4));
  await scene.rotate("second-EXAMPLE");
  await scene.rotate("third-EXAMPLE");
  // All of its places go to the new credential when the old one has drained.
  await vi.waitFor(async () => expect(pool.totalCount).toBe(4));
  isRunning = false;
  await Promise.all(workers);
  expect(errors).toEqual([]);
});

test("a connection that is held across the swap does not keep the new credential from serving", async () => {
  const scene = await begin("held");
  const pool = await scene.open({ max: 1 });
  const held = await pool.connect();
  await scene.rotate("second-EXAMPLE");
  await pool.query("select 1");
  expect(pool.totalCount).toBe(2);
  held.release();
  await vi.waitFor(() => expect(pool.totalCount).toBe(1));
});

test("connections that were lost without a word give their places to the new credential", async () => {
  const scene = await begin("frozen");
  const pool = await scene.open({ max: 4 });
  await Promise.all(Array.from({ length: 4 }, () => pool.query("select pg_sleep(0.1)")));
  expect(pool.idleCount).toBe(4);
  stage.store.freezeConnections();
  await scene.rotate("second-EXAMPLE");
  const load = startLoad(() => pool.query("select 1"), 8);
  await vi.waitFor(() => expect(pool.totalCount).toBe(4), { timeout: 5_000 });
  await load.stop();
  expect(load.errors).toEqual([]);
});

test("a client that is held at the drain deadline hears why, then that it is over", async () => {
  const scene = await begin("listening");
  const pool = await scene.open({ drainTimeoutMs: 100 });
  const client = await pool.connect();
  const heard: string[] = [];
  client.on("error", (error) => heard.push("code" in error ? String(error.code) : "error"));
  client.on("end", () => heard.push("end"));
  await client.query("listen orders");
  await scene.rotate("second-EXAMPLE");
  await vi.waitFor(() => expect(heard.at(-1)).toBe("end"));
  expect(heard[0]).toBe("DRAIN_TIMEOUT");
  client.release();
});

test("two dead versions that reads show in turns cost one refused login each", async () => {
  const scene = await begin("flapping");
  const pool = await scene.open({ authWaitMs: 2_000 });
  const stale = ["second-EXAMPLE", "third-EXAMPLE"].map((password) => scene.stage(password));
  await stage.store.setPassword({ user: scene.user, password: "fourth-EXAMPLE" });
  const readCurrent = scene.secret.readCurrent.bind(scene.secret);
  scene.secret.readCurrent = () => {
    scene.secret.promote(stale[scene.secret.reads % 2] ?? "");
    return readCurrent();
  };
  const refusedBefore = stage.store.refusedLogins();
  await expect(pool.query("select 1")).rejects.toMatchObject({ code: "28P01" });
  expect(scene.secret.reads).toBeGreaterThan(5);
  expect(stage.store.refusedLogins() - refusedBefore).toBe(3);
});
