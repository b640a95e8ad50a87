import { once } from "node:events";
import { describe, expect, test, vi } from "vitest";
import type { RotatingPool } from "../../../client/src/pg.ts";
import { type PostgresScene, setUpPostgres } from "./postgres-scene.ts";
import { setUpTelemetry } from "./telemetry-sdk.ts";

const stage = setUpPostgres();
const { begin } = stage;
const telemetry = setUpTelemetry();
const { read } = telemetry;

/** A single-user rotation; resolves when it has been adopted. */
async function rotate(scene: PostgresScene, pool: RotatingPool, password: string): Promise<string> {
  const versionId = await scene.changePassword(password);
  const swapped = once(pool, "swapped");
  await scene.announce(versionId);
  await swapped;
  return versionId;
}

describe("of a pool", () => {
  test("tell of connections in use, idle and waited for, and of the limit", async () => {
    const scene = await begin("counts");
    const pool = await scene.open({ max: 2, min: 1 });
    const pool_name = { "db.client.connection.pool.name": "test/counts" };
    const held = await Promise.all([pool.connect(), pool.connect()]);
    const waiting = pool.connect();
    const count = (state: string) =>
      read("db.client.connection.count", { ...pool_name, "db.client.connection.state": state });
    expect([await count("used"), await count("idle")]).toEqual([[2], [0]]);
    expect(await read("db.client.connection.pending_requests", pool_name)).toEqual([1]);
    expect(await read("db.client.connection.limit", pool_name)).toEqual([2]);
    expect(await read("db.client.connection.idle.min", pool_name)).toEqual([1]);
    for (const client of held) client.release();
    (await waiting).release();
    expect([await count("used"), await count("idle")]).toEqual([[0], [2]]);
  });

  test("count those that still hold a connection of the credential before, and the drain", async () => {
    const scene = await begin("retired");
    const pool = await scene.open();
    const held = await pool.connect();
    const drained = once(pool, "drained");
    await rotate(scene, pool, "second-EXAMPLE");
    expect(await read("keyturn.connection.retired")).toEqual([1]);
    expect(await read("keyturn.rotation.drain.duration")).toEqual([]);
    held.release();
    await drained;
    expect(await read("keyturn.connection.retired")).toEqual([0]);
    expect(await read("keyturn.rotation.drain.duration")).toMatchObject([{ count: 1 }]);
  });

  test("count checkouts that had no connection in time, and those that failed, by error", async () => {
    const scene = await begin("failing");
    const pool = await scene.open({ max: 1, connectionTimeoutMillis: 50 });
    const held = await pool.connect();
    await expect(pool.connect()).rejects.toThrow("timeout");
    expect(await read("db.client.connection.timeouts")).toEqual([1]);
    expect(await read("keyturn.connection.errors", { "error.type": "timeout" })).toEqual([1]);
    held.release(true);
    await stage.store.cutOff();
    await expect(pool.connect()).rejects.toThrow("ECONNREFUSED").finally(stage.store.restore);
    expect(await read("keyturn.connection.errors", { "error.type": "ECONNREFUSED" })).toEqual([1]);
  });

  test("are none after its end, and are looked for no more", async () => {
    const scene = await begin("ended");
    const pool = await scene.open();
    await pool.query("select 1");
    expect(await read("db.client.connection.count", { "db.client.connection.state": "idle" })).toEqual([1]);
    await pool.end();
    await telemetry.collect();
    const countsAsked = vi.spyOn(pool, "totalCount", "get");
    expect(await read("db.client.connection.count")).toEqual([0, 0]);
    expect(await read("db.client.connection.limit")).toEqual([0]);
    expect(await read("keyturn.channel.count")).toEqual([0, 0]);
    expect(countsAsked).not.toHaveBeenCalled();
  });

  test("tell two pools over one secret apart, and give the name to the next when one has ended", async () => {
    const scene = await begin("shared");
    const [first, second] = [await scene.open({ max: 3 }), await scene.open({ max: 4 })];
    const limitOf = (name: string) =>
      read("db.client.connection.limit", { "db.client.connection.pool.name": name });
    expect([await limitOf("test/shared"), await limitOf("test/shared#2")]).toEqual([[3], [4]]);
    await first.end();
    await scene.open({ max: 5 });
    expect([await limitOf("test/shared"), await limitOf("test/shared#2")]).toEqual([[5], [4]]);
    await second.end();
  });
});

describe("of a rotation", () => {
  test("count it with its trigger, and tell how long it took to detect and to swap, in seconds", async () => {
    const scene = await begin("swapped");
    const pool = await scene.open();
    expect(await read("keyturn.rotations")).toEqual([]);
    await rotate(scene, pool, "second-EXAMPLE");
    await rotate(scene, pool, "third-EXAMPLE");
    const outcome = { "keyturn.outcome": "swapped", "keyturn.trigger": "notice" };
    expect(await read("keyturn.rotations", outcome)).toEqual([2]);
    expect(await read("keyturn.client.recreations")).toEqual([2]);
    for (const step of ["detect", "swap"]) {
      const [duration] = await read(`keyturn.rotation.${step}.duration`);
      expect(duration).toMatchObject({ count: 2, max: expect.any(Number) });
      if (typeof duration === "object") expect(duration.max).toBeLessThan(30);
    }
  });

  test("count a credential that the store refused, and the refused login", async () => {
    const scene = await begin("rejected");
    const pool = await scene.open();
    const bad = scene.stage("wrong-EXAMPLE");
    const rejected = once(pool, "rejected");
    await scene.announce(bad);
    await rejected;
    expect(await read("keyturn.rotations", { "keyturn.outcome": "rejected" })).toEqual([1]);
    expect(await read("keyturn.login.refusals")).toEqual([1]);
    expect(await read("keyturn.client.recreations")).toEqual([]);
  });

  test("name the secret, and neither versions, ARNs, users nor hosts", async () => {
    const scene = await begin("low_cardinality");
    const pool = await scene.open();
    const versionId = await rotate(scene, pool, "second-EXAMPLE");
    const points = await telemetry.collect();
    expect(points.length).toBeGreaterThan(8);
    for (const { name, attributes } of points) {
      expect(attributes, name).toMatchObject({
        "keyturn.secret.name": "test/low_cardinality",
        "db.client.connection.pool.name": "test/low_cardinality",
      });
      const text = JSON.stringify(attributes);
      for (const leak of [versionId, "arn:", "000000000000", "127.0.0.1"]) expect(text).not.toContain(leak);
    }
  });
});

describe("of the channel", () => {
  const channel = (state: string) => read("keyturn.channel.count", { "keyturn.channel.state": state });

  test("tell that it is up", async () => {
    await (await begin("channel_up")).open();
    expect([await channel("up"), await channel("down")]).toEqual([[1], [0]]);
  });

  test("tell that it is down", async () => {
    const scene = await begin("channel_down");
    await scene.open({ channelUrl: "mqtt://127.0.0.1:9" });
    expect([await channel("up"), await channel("down")]).toEqual([[0], [1]]);
  });

  test("are none where none is configured", async () => {
    const scene = await begin("channel_none");
    await scene.open({ channelUrl: undefined, topicPrefix: undefined });
    expect(await read("keyturn.channel.count")).toEqual([]);
  });
});
