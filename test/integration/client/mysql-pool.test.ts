import { inspect } from "node:util";
import mysqlPromise from "mysql2/promise";
import { describe, expect, test, vi } from "vitest";
import { mariadbServer } from "./mariadb.ts";
import { queryOnFreshConnection, setUpMysql, userOf, WHO } from "./mysql-scene.ts";

describe.skipIf(!mariadbServer)("keyturn/mysql2 on MariaDB (skipped where mariadbd is not installed)", () => {
  const stage = setUpMysql();
  const { begin } = stage;

  describe("as a pool of mysql2", () => {
    test("is one, and stays the same object for promises, callbacks and events", async () => {
      const scene = await begin("as_pool");
      const pool = await scene.open();
      expect(pool).toBeInstanceOf(Object.getPrototypeOf(mysqlPromise.createPool({})).constructor);
      const heard: string[] = [];
      pool.on("connection", (connection) => heard.push(`connection ${connection.config.user}`));
      pool.on("acquire", () => heard.push("acquire"));
      pool.on("release", () => heard.push("release"));
      await pool.query("select 1");
      const clone = await scene.stageClone();
      await scene.adopt(clone.versionId);
      const rows = await new Promise((resolve, reject) => {
        pool.pool.query(WHO, (error, found) => (error ? reject(error) : resolve(found)));
      });
      expect(rows).toEqual([{ user: clone.user }]);
      expect(heard).toEqual([
        `connection ${scene.user}`,
        "acquire",
        "release",
        `connection ${clone.user}`,
        "acquire",
        "release",
      ]);
    });

    test("queries, executes, formats and escapes by its own options", async () => {
      const scene = await begin("forms");
      const pool = await scene.open({ namedPlaceholders: true, dateStrings: true, timezone: "Z" });
      expect((await pool.query("select :n as n", { n: 7 }))[0]).toEqual([{ n: 7 }]);
      expect((await pool.execute("select :n as n", { n: "x" }))[0]).toEqual([{ n: "x" }]);
      expect((await pool.query({ sql: "select 1 as n", rowsAsArray: true }))[0]).toEqual([[1]]);
      expect((await pool.query("select date'2026-01-02' as day"))[0]).toEqual([{ day: "2026-01-02" }]);
      expect(pool.format("select ?", ["a'b"])).toBe("select 'a\\'b'");
      expect(pool.escape(new Date(0))).toBe("'1970-01-01 00:00:00.000'");
      expect(pool.escapeId("a.b")).toBe("`a`.`b`");
      await expect(pool.query("select nothing")).rejects.toMatchObject({ errno: 1054 });
      expect(pool.config.connectionLimit).toBe(10);
    });

    test("gives connections back by either end, once, and queues as its options say", async () => {
      const scene = await begin("giving_back");
      const pool = await scene.open({ connectionLimit: 1, queueLimit: 1 });
      const connection = await pool.getConnection();
      const queued = pool.getConnection();
      await expect(pool.getConnection()).rejects.toThrow("Queue limit reached.");
      pool.releaseConnection(connection);
      connection.release();
      const next = await queued;
      expect(next.threadId).toBe(connection.threadId);
      next.release();
      expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0]);
    });

    test("shows no password, however it is printed", async () => {
      const scene = await begin("prints");
      const pool = await scene.open();
      const connection = await pool.getConnection();
      const printed = inspect([pool, connection], { depth: Number.POSITIVE_INFINITY });
      connection.release();
      expect(printed).toContain(scene.user);
      expect(printed).not.toContain("first-EXAMPLE");
    });

    test("survives a restart of the server, and does not send a query twice", async () => {
      const scene = await begin("restart");
      await stage.store.run("create table shop.sent (at timestamp)");
      const pool = await scene.open();
      const stuck = pool
        .query("insert into sent select now() from dual where sleep(60) = 0")
        .catch((error) => error);
      await pool.query("select 1");
      await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(2));
      await stage.store.server.restart();
      expect(await stuck).toBeInstanceOf(Error);
      await vi.waitFor(async () => expect(await userOf(pool)).toBe(scene.user));
      expect(await stage.store.run("select * from shop.sent")).toEqual([]);

      const clone = await scene.stageClone();
      await scene.announce(clone.versionId);
      await vi.waitFor(async () => expect(await userOf(pool)).toBe(clone.user));
    });

    test("tells how it is, and never throws about it", async () => {
      const scene = await begin("health");
      const pool = await scene.open();
      const { arn, currentVersionId } = scene.secret;
      expect(await pool.health()).toEqual({
        status: "ok",
        secretId: arn,
        versionId: currentVersionId,
        lastRotatedAt: undefined,
        channel: "up",
        source: "custom",
      });
      const clone = await scene.stageClone();
      await scene.announce(clone.versionId);
      await vi.waitFor(async () =>
        expect(await pool.health()).toMatchObject({
          versionId: clone.versionId,
          lastRotatedAt: expect.any(Date),
        }),
      );
      await pool.end();
      expect(await pool.health()).toMatchObject({ status: "down" });
    });
  });

  describe("end()", () => {
    test("rejects the checkouts that wait for a credential or a connection, and those who come after", async () => {
      const scene = await begin("end_waiting");
      const pool = await scene.open({ connectionLimit: 1 });
      const held = await pool.getConnection();
      const queued = pool.query("select 1").catch((error: Error) => error.message);
      await vi.waitFor(() => expect(pool.waitingCount).toBe(1));
      const sent = held.query("select sleep(0.1) as slept");
      const ended = pool.end();
      expect(await queued).toBe("Pool is closed.");
      expect((await sent)[0]).toEqual([{ slept: 0 }]);
      await ended;
      await expect(pool.query("select 1")).rejects.toThrow("Pool is closed.");
      await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
      held.release();
      await pool.end();
    });

    test("rejects the checkouts that wait for a credential", async () => {
      const scene = await begin("end_parked");
      const pool = await scene.open();
      await stage.store.setPassword({ user: scene.user, password: "second-EXAMPLE" });
      const parked = Array.from({ length: 5 }, () =>
        queryOnFreshConnection(pool).catch((error: Error) => error.message),
      );
      await vi.waitFor(() => expect(pool.waitingCount).toBe(5));
      await pool.end();
      expect(await Promise.all(parked)).toEqual(Array(5).fill("Pool is closed."));
    });
  });
});
