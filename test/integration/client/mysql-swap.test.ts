import mysqlPromise from "mysql2/promise";
import { describe, expect, test, vi } from "vitest";
import {
  CredentialRejectedError,
  createRotatingPool,
  DrainTimeoutError,
  type RotatingPool,
  UnusableSecretError,
} from "../../../client/src/mysql2.ts";
import { mariadbServer } from "./mariadb.ts";
import { setUpMysql, userOf } from "./mysql-scene.ts";

const sessionOf = async (queryable: Pick<RotatingPool, "query">) => {
  const [rows] = await queryable.query("select connection_id() as id");
  return (rows as { id: number }[])[0]?.id;
};

describe.skipIf(!mariadbServer)("keyturn/mysql2 on MariaDB (skipped where mariadbd is not installed)", () => {
  const stage = setUpMysql();
  const { begin } = stage;

  describe("a credential", () => {
    test.each<[string, string, string, (user: string) => Promise<unknown>]>([
      ["whose password is wrong", "wrong_password", "1045", async () => undefined],
      [
        "whose account is locked",
        "locked",
        "4151",
        (user) => stage.store.run("alter user ? account lock", [user]),
      ],
      [
        "that may not use the database",
        "no_database",
        "1044",
        async (user) => {
          await stage.store.run("revoke all on shop.* from ?", [user]);
        },
      ],
      [
        "whose password has expired",
        "expired",
        "1820",
        (user) => stage.store.run("alter user ? password expire", [user]),
      ],
    ])("%s leaves the old pool serving, and is told of as rejected", async (_what, name, code, spoil) => {
      const scene = await begin(name);
      const pool = await scene.open();
      const rejected = vi.fn();
      pool.on("rejected", rejected);
      const login = { user: `${name}_next`, password: "second-EXAMPLE" };
      await stage.store.createUser(login);
      await spoil(login.user);
      const bad = scene.stage(code === "1045" ? "wrong-EXAMPLE" : login.password, login.user);
      await scene.announce(bad);
      await vi.waitFor(() => expect(scene.outcomesOf(bad)).toEqual(["rejected"]));
      expect(rejected).toHaveBeenCalledExactlyOnceWith(
        expect.objectContaining({ versionId: bad, reason: expect.objectContaining({ code }) }),
      );
      expect(await userOf(pool)).toBe(scene.user);

      const clone = await scene.stageClone();
      await scene.announce(clone.versionId);
      await vi.waitFor(async () => expect(await userOf(pool)).toBe(clone.user));
    });

    test("whose account is locked after too many wrong passwords is told by MariaDB's own number", async () => {
      const scene = await begin("too_many");
      const pool = await scene.open();
      const login = { user: "too_many_next", password: "second-EXAMPLE" };
      await stage.store.createUser(login);
      await stage.store.run("set global max_password_errors = 1");
      const { host, port } = stage.store.server;
      const wrong = mysqlPromise.createConnection({
        host,
        port,
        user: login.user,
        password: "wrong-EXAMPLE",
      });
      await expect(wrong).rejects.toMatchObject({ errno: 1045 });
      const bad = scene.stage(login.password, login.user);
      await scene.announce(bad);
      await vi.waitFor(() => expect(scene.reports.at(-1)?.reason?.code).toBe("4150"));
      await stage.store.run("set global max_password_errors = default");
      await pool.query("select 1");
    });

    test("that the store takes stays out where it fails the user's own check", async () => {
      const scene = await begin("own_check");
      await stage.store.run("create table shop.orders (id int)");
      const pool = await scene.open({ verify: (connection) => connection.query("select * from orders") });
      const login = { user: "own_check_next", password: "second-EXAMPLE" };
      await stage.store.createUser(login);
      await stage.store.run("revoke all on shop.* from ?", [login.user]);
      await stage.store.run("grant usage on *.* to ?", [login.user]);
      await stage.store.run("create database empty");
      await stage.store.run("grant all on empty.* to ?", [login.user]);
      const bad = scene.stage(login.password, login.user, { dbname: "empty" });
      await scene.announce(bad);
      await vi.waitFor(() => expect(scene.outcomesOf(bad)).toEqual(["rejected"]));
      expect(scene.reports.at(-1)?.reason).toEqual({
        code: "CHECK_FAILED",
        message: "The check of the new credential failed (1146)",
      });
      expect(await pool.health()).toMatchObject({ status: "degraded" });
      expect(await userOf(pool)).toBe(scene.user);
    });
  });

  describe("connections of the old credential", () => {
    test("finish a transaction that was open across the swap, on their own session", async () => {
      const scene = await begin("transaction");
      await stage.store.run("create table shop.ledger (amount int)");
      const pool = await scene.open();
      const connection = await pool.getConnection();
      await connection.beginTransaction();
      await connection.query("insert into ledger values (7)");
      const before = await sessionOf(connection);
      const clone = await scene.stageClone();
      await scene.announce(clone.versionId);
      await vi.waitFor(async () => expect(await userOf(pool)).toBe(clone.user));
      expect(await sessionOf(connection)).toBe(before);
      await connection.commit();
      connection.release();
      await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
      expect((await pool.query("select amount from ledger"))[0]).toEqual([{ amount: 7 }]);
    });

    test("let those who queue behind them go on at once with the new credential", async () => {
      const scene = await begin("queue_moves");
      const pool = await scene.open({ connectionLimit: 1 });
      const held = await pool.getConnection();
      const queued = [userOf(pool), userOf(pool)];
      await vi.waitFor(() => expect(pool.waitingCount).toBe(2));
      const clone = await scene.stageClone();
      await scene.announce(clone.versionId);
      expect(await Promise.all(queued)).toEqual([clone.user, clone.user]);
      held.release();
      await vi.waitFor(() => expect(pool.totalCount).toBe(1));
    });

    test("are cut at the drain deadline: the query under way fails with the reason, the process does not", async () => {
      const scene = await begin("deadline");
      const pool = await scene.open({ drainTimeoutMs: 200 });
      const drained = new Promise((resolve) => pool.once("drained", resolve));
      const [querying, idling] = await Promise.all([pool.getConnection(), pool.getConnection()]);
      const heard = vi.fn();
      idling.on("error", heard);
      idling.connection.on("error", heard);
      const stuck = querying.query("select sleep(60)").catch((error) => error);
      await idling.beginTransaction();
      const clone = await scene.stageClone();
      await scene.announce(clone.versionId);
      expect(await stuck).toBeInstanceOf(DrainTimeoutError);
      await expect(idling.query("select 1")).rejects.toThrow("closed state");
      expect(heard).toHaveBeenCalledWith(expect.any(DrainTimeoutError));
      querying.release();
      idling.release();
      expect(await drained).toMatchObject({ cutOff: 2 });
      expect(await userOf(pool)).toBe(clone.user);
      // Those that the new credential was warmed up with, for the two that were busy.
      await vi.waitFor(() => expect(pool.totalCount).toBe(2));
    });
  });

  describe("start", () => {
    test("waits in the middle of a rotation until the new version is current", async () => {
      const scene = await begin("start_mid");
      const versionId = await scene.changePassword("second-EXAMPLE");
      const refusedBefore = await stage.store.refusedLogins();
      const opening = scene.open();
      await vi.waitFor(async () => expect((await stage.store.refusedLogins()) - refusedBefore).toBe(1));
      await vi.waitFor(() => expect(scene.secret.reads).toBeGreaterThan(3));
      scene.secret.promote(versionId);
      await (await opening).query("select 1");
      await vi.waitFor(() => expect(scene.reports).toHaveLength(1));
      expect(scene.reports[0]).toMatchObject({ versionId, outcome: "swapped", trigger: "start" });
      expect((await stage.store.refusedLogins()) - refusedBefore).toBe(1);
    });

    test("fails with the driver's error as its cause where no version logs in", async () => {
      const scene = await begin("start_never");
      await stage.store.setPassword({ user: scene.user, password: "second-EXAMPLE" });
      const error = await scene.open({ authWaitMs: 300 }).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(CredentialRejectedError);
      expect(error.cause).toMatchObject({ errno: 1045 });
      await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
    });

    test("fails at once on a secret for another store", async () => {
      const scene = await begin("start_unusable");
      const other = scene.stage("EXAMPLE", "x", { engine: "postgres" });
      scene.secret.promote(other);
      await expect(scene.open()).rejects.toBeInstanceOf(UnusableSecretError);
    });

    test("refuses bad options all at once", async () => {
      const options = { secretId: undefined, connectionLimit: -1, user: "x" };
      await expect(createRotatingPool(options)).rejects.toMatchObject({
        code: "CONFIG_INVALID",
        problems: [
          expect.stringMatching(/^secretId/),
          expect.stringMatching(/^connectionLimit/),
          expect.stringMatching(/^user/),
        ],
      });
    });
  });

  test("a swap leaves no aborted connection in the server's count", async () => {
    const scene = await begin("polite");
    const pool = await scene.open({ connectionLimit: 5 });
    await Promise.all(Array.from({ length: 5 }, () => pool.query("select sleep(0.05)")));
    const aborted = async () =>
      (await stage.store.run("show global status like 'Aborted_clients'"))[0]?.Value;
    const before = await aborted();
    const clone = await scene.stageClone();
    await scene.announce(clone.versionId);
    await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
    expect(await aborted()).toBe(before);
  });
});
