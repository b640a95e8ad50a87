import { describe, expect, test, vi } from "vitest";
import { startLoad } from "./load.ts";
import { mariadbServer } from "./mariadb.ts";
import { queryOnFreshConnection, setUpMysql, userOf } from "./mysql-scene.ts";

describe.skipIf(!mariadbServer)("keyturn/mysql2 on MariaDB (skipped where mariadbd is not installed)", () => {
  const stage = setUpMysql();
  const { begin } = stage;

  describe("in a single-user rotation", () => {
    test("fails no query under load while connections turn over, within the budget of refused logins", async () => {
      const scene = await begin("under_load");
      const pool = await scene.open({ connectionLimit: 5 });
      const refusedBefore = await stage.store.refusedLogins();
      const load = startLoad(() => pool.query("select 1"), 10);
      const turnover = { errors: [] as unknown[], isRunning: true };
      const turningOver = Promise.all(
        Array.from({ length: 5 }, async () => {
          while (turnover.isRunning && !pool.ending)
            await queryOnFreshConnection(pool).catch((error) => turnover.errors.push(error));
        }),
      );
      await vi.waitFor(() => expect(load.done).toBeGreaterThan(200));

      const versionId = await scene.changePassword("second-EXAMPLE");
      // Everything ends up waiting: in turn, each connection comes to somebody who closes it.
      await vi.waitFor(() => expect(pool.waitingCount).toBe(15), { timeout: 5_000 });
      await scene.announce(versionId);

      const atSwap = load.done;
      await vi.waitFor(() => expect(load.done).toBeGreaterThan(atSwap + 200), { timeout: 5_000 });
      turnover.isRunning = false;
      await Promise.all([load.stop(), turningOver]);
      expect([...load.errors, ...turnover.errors]).toEqual([]);
      expect((await stage.store.refusedLogins()) - refusedBefore).toBeLessThanOrEqual(5);
      await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["swapped"]));
    });

    test("holds with one connection and a queue behind it", async () => {
      const scene = await begin("limit_one");
      const pool = await scene.open({ connectionLimit: 1 });
      const refusedBefore = await stage.store.refusedLogins();
      const versionId = await scene.changePassword("second-EXAMPLE");
      const queries = Promise.all(Array.from({ length: 10 }, () => queryOnFreshConnection(pool)));
      await vi.waitFor(() => expect(pool.waitingCount).toBe(10));
      await scene.announce(versionId);
      expect(await queries).toHaveLength(10);
      expect((await stage.store.refusedLogins()) - refusedBefore).toBe(1);
      expect(pool.waitingCount).toBe(0);
    });

    test("parks 50 checkouts at once and serves all of them, each with its own answer", async () => {
      const scene = await begin("fifty");
      const pool = await scene.open({ connectionLimit: 10 });
      const refusedBefore = await stage.store.refusedLogins();
      const versionId = await scene.changePassword("second-EXAMPLE");
      const queries = Promise.all(Array.from({ length: 50 }, (_, n) => pool.execute("select ? as n", [n])));
      await vi.waitFor(() => expect(pool.waitingCount).toBe(50));
      await scene.announce(versionId);
      const answers = (await queries).map(([rows]) => Number((rows as { n: unknown }[])[0]?.n));
      expect(answers).toEqual(Array.from({ length: 50 }, (_, n) => n));
      expect((await stage.store.refusedLogins()) - refusedBefore).toBeLessThanOrEqual(5);
    });

    test("goes on with a connection that is given back while others wait for the credential", async () => {
      const scene = await begin("given_back");
      const pool = await scene.open({ connectionLimit: 3 });
      const held = await pool.getConnection();
      await scene.changePassword("second-EXAMPLE");
      const query = pool.query("select connection_id() as id");
      await vi.waitFor(() => expect(pool.waitingCount).toBe(1));
      const [rows] = await held.query("select connection_id() as id");
      held.release();
      expect((await query)[0]).toEqual(rows);
    });

    test("goes on with idle connections while no login is possible", async () => {
      const scene = await begin("idle_serves");
      const pool = await scene.open({ connectionLimit: 3 });
      await pool.query("select 1");
      const refusedBefore = await stage.store.refusedLogins();
      await scene.changePassword("second-EXAMPLE");
      for (let n = 0; n < 20; n += 1) await pool.query("select 1");
      expect((await stage.store.refusedLogins()) - refusedBefore).toBe(0);
    });

    test("is followed without a notice, by the failed login alone", async () => {
      const scene = await begin("no_notice");
      const pool = await scene.open();
      const versionId = await scene.changePassword("second-EXAMPLE");
      const query = pool.query("select 1");
      await vi.waitFor(() => expect(pool.waitingCount).toBe(1));
      scene.secret.promote(versionId);
      await query;
      await vi.waitFor(() =>
        expect(scene.reports.at(-1)).toMatchObject({ versionId, trigger: "login-failure" }),
      );
    });

    test("goes ahead to the version that waits, where tryPending is on", async () => {
      const scene = await begin("pending");
      const pool = await scene.open({ tryPending: true });
      await scene.changePassword("second-EXAMPLE");
      await pool.query("select 1");
      expect(pool.waitingCount).toBe(0);
    });

    test("reaches a pool that nobody uses", async () => {
      const scene = await begin("unused");
      const pool = await scene.open({ warmUp: false });
      await pool.query("select 1");
      await scene.rotate("second-EXAMPLE");
      await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
      await pool.query("select 1");
    });

    test("gives the driver's own error where no credential works within authWaitMs", async () => {
      const scene = await begin("too_long");
      const pool = await scene.open({ authWaitMs: 300 });
      await scene.changePassword("second-EXAMPLE");
      await expect(pool.query("select 1")).rejects.toMatchObject({
        errno: 1045,
        code: "ER_ACCESS_DENIED_ERROR",
        sqlState: "28000",
      });
      expect(pool.waitingCount).toBe(0);
    });

    test("keeps to the budget of refused logins, however many ask for how long", async () => {
      const scene = await begin("budget");
      const pool = await scene.open({ authWaitMs: 2_000, maxLoginTries: 3, connectionLimit: 20 });
      await scene.changePassword("second-EXAMPLE");
      const refusedBefore = await stage.store.refusedLogins();
      const asked = await Promise.allSettled(Array.from({ length: 40 }, () => pool.query("select 1")));
      expect(asked.every(({ status }) => status === "rejected")).toBe(true);
      expect((await stage.store.refusedLogins()) - refusedBefore).toBeLessThanOrEqual(3);
    });
  });

  test("an alternating-users rotation fails no query, and the new user serves", async () => {
    const scene = await begin("alternating");
    const pool = await scene.open({ connectionLimit: 5 });
    const load = startLoad(() => pool.query("select 1"), 10);
    const clone = await scene.stageClone();
    await vi.waitFor(() => expect(load.done).toBeGreaterThan(100));
    await scene.announce(clone.versionId);
    await vi.waitFor(async () => expect(await userOf(pool)).toBe(clone.user));
    await load.stop();
    expect(load.errors).toEqual([]);
    await vi.waitFor(async () => expect(await stage.store.sessionsOf("alternating")).toBe(0));
  });

  test("checkouts fall back to the former user where the new one cannot log in any more", async () => {
    const scene = await begin("former");
    const pool = await scene.open();
    const clone = await scene.stageClone();
    await scene.announce(clone.versionId);
    await vi.waitFor(async () => expect(await userOf(pool)).toBe(clone.user));
    await stage.store.run("alter user ? account lock", [clone.user]);
    await stage.store.run("kill user ?", [clone.user]);
    await vi.waitFor(async () => expect(await userOf(pool)).toBe(scene.user));
  });

  test("a secret that moves to another host is followed there", async () => {
    const scene = await begin("moves");
    const pool = await scene.open({ host: "nowhere.invalid" });
    const hostOf = async () => {
      const connection = await pool.getConnection();
      connection.release();
      return connection.config.host;
    };
    expect(await hostOf()).toBe("127.0.0.1");
    await scene.announce(scene.stage("first-EXAMPLE", scene.user, { host: "localhost" }));
    await vi.waitFor(async () => expect(await hostOf()).toBe("localhost"));
  });

  test("two rotations within a second end on the second", async () => {
    const scene = await begin("twice");
    const pool = await scene.open({ connectionLimit: 5 });
    const load = startLoad(() => pool.query("select 1"), 10);
    await scene.announce(await scene.changePassword("second-EXAMPLE"));
    await scene.rotate("third-EXAMPLE");
    const atSwap = load.done;
    await vi.waitFor(() => expect(load.done).toBeGreaterThan(atSwap + 100), { timeout: 5_000 });
    await load.stop();
    expect(load.errors).toEqual([]);
  });

  test("with two valid passwords a rotation costs no refused login, before and after the version is current", async () => {
    const scene = await begin("dual");
    const pool = await scene.open({ connectionLimit: 5 });
    const refusedBefore = await stage.store.refusedLogins();
    const both =
      "alter user ? identified via mysql_native_password using password(?) or mysql_native_password using password(?)";
    const versionId = scene.stage("second-EXAMPLE");
    await stage.store.run(both, [scene.user, "second-EXAMPLE", "first-EXAMPLE"]);
    await Promise.all(Array.from({ length: 20 }, () => queryOnFreshConnection(pool)));
    await scene.adopt(versionId);
    await stage.store.setPassword({ user: scene.user, password: "second-EXAMPLE" });
    await Promise.all(Array.from({ length: 20 }, () => queryOnFreshConnection(pool)));
    expect((await stage.store.refusedLogins()) - refusedBefore).toBe(0);
  });

  test("old and new connections together keep to the limit: with one to spare on the server, no query fails", async () => {
    const scene = await begin("limited");
    await stage.store.run("alter user ? with max_user_connections 5", [scene.user]);
    const pool = await scene.open({ connectionLimit: 4, warmUp: false });
    const errors: unknown[] = [];
    let isRunning = true;
    const workers = Array.from({ length: 8 }, async () => {
      while (isRunning) await pool.query("select sleep(0.05)").catch((error) => errors.push(error));
    });
    await vi.waitFor(() => expect(pool.totalCount).toBe(4));
    for (const password of ["second-EXAMPLE", "third-EXAMPLE"]) {
      await scene.rotate(password);
    }
    // All of its places go to the new credential when the old one has drained.
    await vi.waitFor(() => expect(pool.totalCount).toBe(4));
    isRunning = false;
    await Promise.all(workers);
    expect(errors).toEqual([]);
  });
});
