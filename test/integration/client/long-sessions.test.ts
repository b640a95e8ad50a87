import type pg from "pg";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { describe, expect, test, vi } from "vitest";
import { sessionOf } from "./pool-kinds.ts";
import { setUpPostgres } from "./postgres-scene.ts";

/** What a client hears whose connection is closed at the drain deadline. */
const CUT_OFF = "The credential was rotated; this connection was still in use at the drain deadline";

const stage = setUpPostgres();

/** Listens as a service would; whatever the client tells is written down in its order. */
async function listenTo(pool: pg.Pool) {
  const client = await pool.connect();
  const heard: string[] = [];
  client.on("notification", ({ payload }) => heard.push(payload ?? ""));
  client.on("error", (error) => heard.push(`error: ${error.message}`));
  client.on("end", () => heard.push("end"));
  await client.query("listen orders");
  return { client, heard };
}

const notify = (pool: pg.Pool, payload: string) => pool.query("select pg_notify('orders', $1)", [payload]);

describe("a client that listens", () => {
  test("hears notifications across the rotation, from the new credential's sessions too", async () => {
    const scene = await stage.begin("listens");
    const pool = await scene.open();
    const { client, heard } = await listenTo(pool);
    await notify(pool, "before");
    await scene.rotate("second-EXAMPLE");
    await notify(pool, "after");
    await vi.waitFor(() => expect(heard).toEqual(["before", "after"]));
    client.release(true);
  });

  test("hears an error at the drain deadline; one that listens then gets the notifications", async () => {
    const scene = await stage.begin("deadline");
    const pool = await scene.open({ drainTimeoutMs: 300 });
    const { client, heard } = await listenTo(pool);
    await scene.rotate("second-EXAMPLE");
    await notify(pool, "while it drains");
    await vi.waitFor(() => expect(heard.at(-1)).toBe("end"));
    expect(heard.slice(0, 2)).toEqual(["while it drains", `error: ${CUT_OFF}`]);
    await expect(client.query("select 1")).rejects.toThrow("not queryable");
    client.release();

    const next = await listenTo(pool);
    await notify(pool, "after");
    await vi.waitFor(() => expect(next.heard).toEqual(["after"]));
    expect(heard).not.toContain("after");
    next.client.release(true);
  });

  test("is closed without an error where it is given back in time", async () => {
    const scene = await stage.begin("in_time");
    const pool = await scene.open();
    const { client, heard } = await listenTo(pool);
    await scene.rotate("second-EXAMPLE");
    client.release();
    await vi.waitFor(() => expect(heard).toEqual(["end"]));
    expect(pool.idleCount).toBe(pool.totalCount);
  });

  test("that has no listener for errors does not end the process at the deadline", async () => {
    const scene = await stage.begin("no_listener");
    const pool = await scene.open({ drainTimeoutMs: 100 });
    const client = await pool.connect();
    const ended = new Promise((resolve) => client.once("end", resolve));
    await client.query("listen orders");
    await scene.rotate("second-EXAMPLE");
    await ended;
    client.release();
    await pool.query("select 1");
  });
});

describe("a cursor", () => {
  test("goes on across the rotation, on its own session", async () => {
    const scene = await stage.begin("cursor");
    const pool = await scene.open();
    const client = await pool.connect();
    const session = await sessionOf(client);
    const cursor = client.query(new Cursor("select n, pg_backend_pid() as pid from generate_series(1, 4) n"));
    expect(await cursor.read(2)).toEqual([1, 2].map((n) => ({ n, pid: session })));
    await scene.rotate("second-EXAMPLE");
    expect(await cursor.read(2)).toEqual([3, 4].map((n) => ({ n, pid: session })));
    expect(await cursor.read(2)).toEqual([]);
    await cursor.close();
    client.release();
    expect(await sessionOf(pool)).not.toBe(session);
  });

  test("fails the read that is under way at the drain deadline, and those after", async () => {
    const scene = await stage.begin("cursor_busy");
    const pool = await scene.open({ drainTimeoutMs: 100 });
    const client = await pool.connect();
    const cursor = client.query(new Cursor("select n, pg_sleep(n) from generate_series(0, 60) n"));
    expect(await cursor.read(1)).toHaveLength(1);
    const reading = cursor.read(60).catch((error) => error);
    await scene.rotate("second-EXAMPLE");
    expect(await reading).toMatchObject({ message: CUT_OFF });
    await expect(cursor.read(1)).rejects.toThrow(CUT_OFF);
    client.release();
    await pool.query("select 1");
  });

  test("that waits for its reader at the drain deadline fails the next read", async () => {
    const scene = await stage.begin("cursor_idle");
    const pool = await scene.open({ drainTimeoutMs: 100 });
    const client = await pool.connect();
    const heard = new Promise((resolve) => client.once("error", resolve));
    const cursor = client.query(new Cursor("select generate_series(1, 4) as n"));
    expect(await cursor.read(1)).toEqual([{ n: 1 }]);
    await scene.rotate("second-EXAMPLE");
    expect(await heard).toMatchObject({ message: CUT_OFF });
    await expect(cursor.read(1)).rejects.toThrow(CUT_OFF);
    client.release();
    await pool.query("select 1");
  });
});

describe("a stream of rows", () => {
  test("goes on across the rotation", async () => {
    const scene = await stage.begin("stream");
    const pool = await scene.open();
    const client = await pool.connect();
    const stream = client.query(new QueryStream("select generate_series(1, 5) as n", [], { batchSize: 1 }));
    const seen: number[] = [];
    for await (const { n } of stream) {
      if (n === 2) await scene.rotate("second-EXAMPLE");
      seen.push(n);
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    client.release();
  });

  // pg-query-stream gives no error event when its connection is lost, over a bare pg.Pool neither.
  test("is destroyed at the drain deadline, and its client hears the error", async () => {
    const scene = await stage.begin("stream_cut");
    const pool = await scene.open({ drainTimeoutMs: 100 });
    const client = await pool.connect();
    const heard = new Promise((resolve) => client.once("error", resolve));
    const stream = client.query(
      new QueryStream("select n, pg_sleep(n) from generate_series(0, 60) n", [], { batchSize: 2 }),
    );
    stream.resume();
    await scene.rotate("second-EXAMPLE");
    expect(await heard).toMatchObject({ message: CUT_OFF });
    await vi.waitFor(() => expect(stream.destroyed).toBe(true));
    client.release();
    await pool.query("select 1");
  });
});
