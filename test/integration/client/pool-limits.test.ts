import { describe, expect, test, vi } from "vitest";
import { calledBack, describeBothPools, sessionOf } from "./pool-kinds.ts";

const NO_PLACE_IN_TIME = "timeout exceeded when trying to connect";

describeBothPools((open, database) => {
  describe("max", () => {
    test("limits the sessions; who comes after waits", async () => {
      const pool = await open({ max: 2 });
      const clients = await Promise.all([pool.connect(), pool.connect()]);
      const waiting = [1, 2, 3].map(() => pool.query("select 1"));
      expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([2, 0, 3]);
      for (const client of clients) client.release();
      await Promise.all(waiting);
      expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([2, 2, 0]);
    });

    test("serves those who wait in the order in which they came", async () => {
      const pool = await open({ max: 1 });
      const client = await pool.connect();
      const served: number[] = [];
      const query = (n: number) =>
        calledBack((done) => pool.query("select 1", done)).then(() => served.push(n));
      const waiting = [1, 2, 3, 4].map(query);
      client.release();
      await Promise.all(waiting);
      expect(served).toEqual([1, 2, 3, 4]);
    });

    test("goes by its old name too", async () => {
      const pool = await open({ poolSize: 1 } as object);
      const client = await pool.connect();
      const waiting = pool.query("select 1");
      expect([pool.options.max, pool.waitingCount]).toEqual([1, 1]);
      client.release();
      await waiting;
    });

    test("holds a place for no connection that failed", async () => {
      const pool = await open({ max: 1 });
      await database().cutOff();
      const failed = await Promise.allSettled([1, 2, 3].map(() => pool.query("select 1")));
      await database().restore();
      expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
      expect([pool.totalCount, pool.waitingCount]).toEqual([0, 0]);
      await pool.query("select 1");
    });
  });

  describe("idleTimeoutMillis", () => {
    test("closes a session that nobody used for so long", async () => {
      const pool = await open({ idleTimeoutMillis: 20 });
      const session = await sessionOf(pool);
      await vi.waitFor(() => expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]));
      expect(await sessionOf(pool)).not.toBe(session);
    });

    test("leaves as many as min says", async () => {
      const pool = await open({ idleTimeoutMillis: 20, min: 1 });
      const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
      const sessions = await Promise.all(clients.map(sessionOf));
      // Given back in one tick, so that the time of all of them is up when the first has gone.
      for (const client of clients) client.release();
      expect(pool.totalCount).toBe(3);
      await vi.waitFor(() => expect(pool.totalCount).toBe(1));
      expect(sessions).toContain(await sessionOf(pool));
    });

    test("does not count while the session is in use", async () => {
      const pool = await open({ idleTimeoutMillis: 20 });
      const client = await pool.connect();
      await client.query("select pg_sleep(0.1)");
      expect(pool.totalCount).toBe(1);
      client.release();
    });
  });

  describe("connectionTimeoutMillis", () => {
    test("limits the wait for a free session, by promise and by callback", async () => {
      const pool = await open({ max: 1, connectionTimeoutMillis: 300 });
      const client = await pool.connect();
      const [connecting, querying, [error]] = await Promise.all([
        pool.connect().catch((thrown) => thrown),
        pool.query("select 1").catch((thrown) => thrown),
        calledBack((callback) => pool.connect(callback)),
      ]);
      expect([connecting, querying, error]).toEqual(Array(3).fill(new Error(NO_PLACE_IN_TIME)));
      expect(pool.waitingCount).toBe(0);
      client.release();
      await pool.query("select 1");
      expect(pool.totalCount).toBe(1);
    });

    test("is no matter to those who get a session in time", async () => {
      const pool = await open({ max: 1, connectionTimeoutMillis: 2_000 });
      const client = await pool.connect();
      const waiting = pool.query("select 1 as n");
      client.release();
      expect((await waiting).rows).toEqual([{ n: 1 }]);
    });

    test("limits the opening of a connection that the server does not answer", async () => {
      const pool = await open({ connectionTimeoutMillis: 500 });
      database().delayConnections(Number.POSITIVE_INFINITY);
      const error = await pool.query("select 1").catch((thrown) => thrown);
      database().delayConnections(0);
      expect(error).toEqual(new Error("Connection terminated due to connection timeout"));
      expect(error.cause).toEqual(new Error("Connection terminated unexpectedly"));
      expect(pool.totalCount).toBe(0);
      await pool.query("select 1");
    });
  });

  describe("maxUses", () => {
    test("closes a session that has been given out so often", async () => {
      const pool = await open({ max: 1, maxUses: 2 });
      const sessions = [await sessionOf(pool), await sessionOf(pool), await sessionOf(pool)];
      expect(sessions[1]).toBe(sessions[0]);
      expect(sessions[2]).not.toBe(sessions[0]);
      await pool.query("select 1");
      expect(pool.totalCount).toBe(0);
    });
  });

  describe("maxLifetimeSeconds", () => {
    test("closes an idle session of that age", async () => {
      const pool = await open({ maxLifetimeSeconds: 0.3, idleTimeoutMillis: 0 });
      await pool.query("select 1");
      expect(pool.totalCount).toBe(1);
      await vi.waitFor(() => expect(pool.totalCount).toBe(0));
    });

    test("counts one that is held as expired, and closes it when it is given back", async () => {
      const pool = await open({ maxLifetimeSeconds: 0.05 });
      const client = await pool.connect();
      expect(pool.expiredCount).toBe(0);
      await vi.waitFor(() => expect(pool.expiredCount).toBe(1));
      await client.query("select 1");
      client.release();
      expect([pool.expiredCount, pool.totalCount]).toEqual([0, 0]);
    });

    test("lets those go on who wait behind it", async () => {
      const pool = await open({ max: 1, maxLifetimeSeconds: 0.05 });
      const client = await pool.connect();
      const session = await sessionOf(client);
      const next = sessionOf(pool);
      await vi.waitFor(() => expect(pool.expiredCount).toBe(1));
      client.release();
      expect(await next).not.toBe(session);
    });
  });
});
