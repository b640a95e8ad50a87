import type pg from "pg";
import { describe, expect, test, vi } from "vitest";
import { describeBothPools, sessionOf } from "./pool-kinds.ts";

const EVENTS = ["connect", "acquire", "release", "remove"] as const;

/** Writes down what the pool tells, in its order. */
function listenTo(pool: pg.Pool): { readonly names: string[]; readonly clients: Set<unknown> } {
  const names: string[] = [];
  const clients = new Set<unknown>();
  for (const event of EVENTS) {
    pool.on(event, (...args: unknown[]) => {
      names.push(event);
      clients.add(event === "release" ? args[1] : args[0]);
    });
  }
  return { names, clients };
}

describeBothPools((open, database) => {
  describe("events", () => {
    test("come in the order of a connection's life, each with its client", async () => {
      const pool = await open();
      const { names, clients } = listenTo(pool);
      await pool.query("select 1");
      const client = await pool.connect();
      client.release();
      expect(names).toEqual(["connect", "acquire", "release", "acquire", "release"]);
      await pool.end();
      await vi.waitFor(() => expect(names.slice(5)).toEqual(["remove"]));
      expect(clients).toEqual(new Set([client]));
    });

    test("tell of the removal of a client that was released with an error", async () => {
      const pool = await open();
      const { names } = listenTo(pool);
      const reasons: unknown[] = [];
      pool.on("release", (reason) => reasons.push(reason));
      const reason = new Error("gone bad");
      (await pool.connect()).release(reason);
      (await pool.connect()).release(true);
      (await pool.connect()).release();
      await vi.waitFor(() => expect(names.filter((name) => name === "remove")).toHaveLength(2));
      expect(reasons).toEqual([reason, true, undefined]);
    });

    test("give the error of a query that failed with its release", async () => {
      const pool = await open();
      const reasons: unknown[] = [];
      pool.on("release", (reason) => reasons.push(reason));
      await pool.query("select 1");
      const error = await pool.query("selekt 1").catch((thrown) => thrown);
      expect(reasons).toEqual([null, error]);
    });

    test("tell of a new connection before anybody gets it, so that it can be prepared", async () => {
      const pool = await open();
      pool.on("connect", (client) => void client.query("set application_name = 'prepared'"));
      const { rows } = await pool.query("show application_name");
      expect(rows).toEqual([{ application_name: "prepared" }]);
    });

    test("tell of acquired and released within the call", async () => {
      const pool = await open();
      const client = await pool.connect();
      const { names } = listenTo(pool);
      client.release();
      expect(names).toEqual(["release"]);
      const next = pool.connect();
      expect(names).toEqual(["release"]);
      (await next).release();
      expect(names).toEqual(["release", "acquire", "release"]);
    });

    test("tell of nothing where no connection could be made", async () => {
      const pool = await open();
      const { names } = listenTo(pool);
      await database().cutOff();
      await pool.query("select 1").catch(() => undefined);
      await database().restore();
      expect(names).toEqual([]);
    });

    test("are heard once by whoever asked for one, and not by whoever has left", async () => {
      const pool = await open();
      const heard: string[] = [];
      const leaving = () => heard.push("leaving");
      pool.once("acquire", () => heard.push("once"));
      pool.prependListener("acquire", () => heard.push("first"));
      pool.on("acquire", leaving);
      await pool.query("select 1");
      pool.off("acquire", leaving);
      await pool.query("select 1");
      expect(heard).toEqual(["first", "once", "leaving", "first"]);
    });
  });

  describe("the loss of an idle connection", () => {
    test("is an error event with the client, which is removed", async () => {
      const pool = await open({ max: 2 });
      const [lost, other] = await Promise.all([pool.connect(), pool.connect()]);
      const session = await sessionOf(lost);
      const removed: unknown[] = [];
      pool.on("remove", (client) => removed.push(client));
      const heard = new Promise<[Error, pg.PoolClient]>((resolve) => {
        pool.on("error", (...args) => resolve(args));
      });
      lost.release();
      await other.query("select pg_terminate_backend($1)", [session]);
      const [error, client] = await heard;
      expect(error).toMatchObject({ code: "57P01", severity: "FATAL" });
      expect(client).toBe(lost);
      expect((error as { client?: unknown }).client).toBe(lost);
      await vi.waitFor(() => expect(removed).toEqual([lost]));
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 0]);
      other.release();
    });

    test("is told once, and the next query gets another session", async () => {
      const pool = await open();
      const errors: unknown[] = [];
      pool.on("error", (error) => errors.push(error));
      await Promise.all(Array.from({ length: 3 }, () => pool.query("select pg_sleep(0.02)")));
      expect(pool.idleCount).toBe(3);
      await database().cutOff();
      await vi.waitFor(() => expect(pool.totalCount).toBe(0));
      await database().restore();
      await pool.query("select 1");
      expect(errors).toHaveLength(3);
    });
  });

  describe("the loss of a connection that is held", () => {
    test("is its client's error and end, and not the pool's error", async () => {
      const pool = await open({ max: 2 });
      const heard: string[] = [];
      pool.on("error", () => heard.push("pool error"));
      const client = await pool.connect();
      client.on("error", (error) => heard.push((error as { code?: string }).code ?? error.message));
      const ended = new Promise<void>((resolve) => {
        client.once("end", () => {
          heard.push("end");
          resolve();
        });
      });
      await pool.query("select pg_terminate_backend($1)", [await sessionOf(client)]);
      await ended;
      expect(heard).toEqual(["57P01", "Connection terminated unexpectedly", "end"]);
      client.release();
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
    });

    test("fails its query with the server's words", async () => {
      const pool = await open({ max: 2 });
      const client = await pool.connect();
      client.on("error", () => undefined);
      const session = await sessionOf(client);
      const stuck = client.query("select pg_sleep(60)").catch((error) => error);
      await pool.query("select pg_terminate_backend($1)", [session]);
      expect(await stuck).toMatchObject({
        code: "57P01",
        message: expect.stringContaining("administrator command"),
      });
      client.release();
    });
  });

  describe("log", () => {
    test("hears what the pool does", async () => {
      const lines: unknown[] = [];
      const pool = await open({ log: (line: unknown) => lines.push(line) });
      lines.length = 0;
      await pool.query("select 1");
      expect(lines).toEqual(
        expect.arrayContaining(["connecting new client", "new client connected", "dispatching query"]),
      );
    });
  });
});
