import pg from "pg";
import { describe, expect, test, vi } from "vitest";
import { calledBack, describeBothPools, sessionOf } from "./pool-kinds.ts";

const RELEASED_TWICE = "Release called on client which has already been released to the pool.";
const AFTER_END = "Cannot use a pool after calling end on the pool";

describeBothPools((open, database) => {
  describe("connect", () => {
    test("opens the first connection, and not before it is asked", async () => {
      const pool = await open();
      expect([pool.totalCount, pool.idleCount, pool.waitingCount, pool.expiredCount]).toEqual([0, 0, 0, 0]);
      const connecting = pool.connect();
      expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 0, 0]);
      (await connecting).release();
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
    });

    test("resolves to a client of pg, with its release", async () => {
      const pool = await open();
      const client = await pool.connect();
      expect(client).toBeInstanceOf(pg.Client);
      expect((await client.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
      client.release();
    });

    test("calls back with no error, the client, and what releases it", async () => {
      const pool = await open();
      const returned: unknown[] = [];
      const [error, client, done] = await calledBack((callback) => returned.push(pool.connect(callback)));
      expect(error).toBeUndefined();
      expect(done).toBe((client as pg.PoolClient).release);
      expect(returned).toEqual([undefined]);
      (done as () => void)();
      expect(pool.idleCount).toBe(1);
    });

    test("fails with the network's error, by promise and by callback", async () => {
      const pool = await open();
      await database().cutOff();
      const error = await pool.connect().catch((thrown) => thrown);
      const answer = await calledBack((callback) => pool.connect(callback));
      await database().restore();
      expect(error).toMatchObject({ code: "ECONNREFUSED" });
      expect(answer).toEqual([
        expect.objectContaining({ code: "ECONNREFUSED" }),
        undefined,
        expect.any(Function),
      ]);
      expect(pool.totalCount).toBe(0);
    });

    test("rejects with a stack that leads to the caller", async () => {
      const pool = await open();
      await database().cutOff();
      const error = await pool.connect().catch((thrown) => thrown);
      await database().restore();
      expect(error.stack).toContain("pool-behaviour.test");
    });

    test("gives the session that was used last", async () => {
      const pool = await open();
      const [first, second] = await Promise.all([pool.connect(), pool.connect()]);
      const sessions = [await sessionOf(first), await sessionOf(second)];
      first.release();
      second.release();
      expect(await sessionOf(pool)).toBe(sessions[1]);
    });

    test("keeps to one session while the client is held", async () => {
      const pool = await open({ max: 3 });
      const client = await pool.connect();
      await client.query("begin");
      await client.query("create temporary table cart (item text) on commit drop");
      await Promise.all(Array.from({ length: 5 }, () => pool.query("select 1")));
      await client.query("insert into cart values ('tea')");
      expect((await client.query("select * from cart")).rows).toEqual([{ item: "tea" }]);
      await client.query("commit");
      client.release();
    });
  });

  describe("release", () => {
    test("gives the session to the next who asks", async () => {
      const pool = await open();
      const client = await pool.connect();
      const session = await sessionOf(client);
      client.release();
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
      expect(await sessionOf(pool)).toBe(session);
    });

    test.each([
      ["an error", new Error("gone bad")],
      ["true", true],
    ])("with %s closes the session", async (_name, reason) => {
      const pool = await open();
      const client = await pool.connect();
      const session = await sessionOf(client);
      client.release(reason);
      expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
      expect(await sessionOf(pool)).not.toBe(session);
      await expect(client.query("select 1")).rejects.toThrow("Client was closed and is not queryable");
    });

    test("by the callback's argument takes an error too", async () => {
      const pool = await open();
      const [, , done] = await calledBack((callback) => pool.connect(callback));
      (done as (reason: Error) => void)(new Error("gone bad"));
      expect(pool.totalCount).toBe(0);
    });

    test("throws the second time, and the session is there for others all the same", async () => {
      const pool = await open({ max: 1 });
      const client = await pool.connect();
      client.release();
      expect(() => client.release()).toThrow(RELEASED_TWICE);
      expect(() => client.release(true)).toThrow(RELEASED_TWICE);
      expect(pool.idleCount).toBe(1);
      await pool.query("select 1");
    });

    test("of a client whose session the server has ended makes room for another", async () => {
      const pool = await open({ max: 2 });
      const client = await pool.connect();
      const heard: string[] = [];
      client.on("error", (error) => heard.push(error.message));
      const ended = new Promise((resolve) => client.once("end", resolve));
      await pool.query("select pg_terminate_backend($1)", [await sessionOf(client)]);
      await ended;
      expect(heard).toEqual([
        "terminating connection due to administrator command",
        "Connection terminated unexpectedly",
      ]);
      await expect(client.query("select 1")).rejects.toThrow(/not queryable/);
      client.release();
      expect(pool.totalCount).toBe(1);
    });

    test("of a client that was ended by hand makes room for another", async () => {
      const pool = await open({ max: 1 });
      const client = (await pool.connect()) as pg.PoolClient & pg.Client;
      await client.end();
      client.release();
      expect(pool.totalCount).toBe(0);
      await pool.query("select 1");
    });
  });

  describe("end", () => {
    test("closes idle sessions, and says how far it is", async () => {
      const pool = await open();
      const user = (await pool.query("select current_user as name")).rows[0].name;
      expect([pool.ending, pool.ended]).toEqual([false, false]);
      const ended = pool.end();
      expect(pool.ending).toBe(true);
      expect(await ended).toBeUndefined();
      expect([pool.ending, pool.ended, pool.totalCount]).toEqual([true, true, 0]);
      await vi.waitFor(async () => expect(await database().sessionsOf(user)).toBe(0));
    });

    test("ends a pool that was never used", async () => {
      const pool = await open();
      await pool.end();
      expect(pool.ended).toBe(true);
    });

    test("serves whoever is just connecting", async () => {
      const pool = await open();
      const connecting = pool.connect();
      const ended = pool.end();
      const client = await connecting;
      expect((await client.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
      client.release();
      await ended;
      expect([pool.ended, pool.totalCount]).toEqual([true, 0]);
    });

    test("waits for the clients that are held, which go on until they are given back", async () => {
      const pool = await open();
      const client = await pool.connect();
      const ended = pool.end();
      expect((await client.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
      expect([pool.ending, pool.ended, pool.totalCount]).toEqual([true, false, 1]);
      client.release();
      await ended;
      expect([pool.ended, pool.totalCount]).toEqual([true, 0]);
    });

    test("calls back with nothing", async () => {
      const pool = await open();
      await pool.query("select 1");
      const returned: unknown[] = [];
      const answer = await calledBack((callback) => returned.push(pool.end(callback)));
      expect(answer.filter((argument) => argument !== undefined)).toEqual([]);
      expect(returned).toEqual([undefined]);
      expect(pool.ended).toBe(true);
    });

    test("a second time is an error, by promise and by callback", async () => {
      const pool = await open();
      const ended = pool.end();
      await expect(pool.end()).rejects.toThrow(new Error("Called end on pool more than once"));
      expect(await calledBack((callback) => pool.end(callback))).toEqual([
        new Error("Called end on pool more than once"),
      ]);
      await ended;
      await expect(pool.end()).rejects.toThrow("Called end on pool more than once");
    });

    test("refuses whoever comes after, by promise and by callback", async () => {
      const pool = await open();
      await pool.end();
      await expect(pool.connect()).rejects.toThrow(new Error(AFTER_END));
      await expect(pool.query("select 1")).rejects.toThrow(new Error(AFTER_END));
      const [connecting] = await calledBack((callback) => pool.connect(callback));
      expect(connecting).toEqual(new Error(AFTER_END));
      expect(await calledBack((callback) => pool.query("select 1", callback))).toEqual([
        new Error(AFTER_END),
      ]);
    });

    test("lets a query finish that is under way", async () => {
      const pool = await open();
      const client = await pool.connect();
      client.release();
      const query = pool.query("select pg_sleep(0.05), 1 as n");
      await vi.waitFor(() => expect(pool.idleCount).toBe(0));
      await pool.end();
      expect((await query).rows).toMatchObject([{ n: 1 }]);
    });
  });

  test("is an instance of pg.Pool by a name with Pool in it", async () => {
    const pool = await open();
    expect(pool).toBeInstanceOf(pg.Pool);
    expect(pool.constructor.name).toContain("Pool");
  });
});
