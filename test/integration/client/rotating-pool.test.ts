import { inspect } from "node:util";
import pg from "pg";
import { describe, expect, test, vi } from "vitest";
import { CredentialRejectedError, createRotatingPool, UnusableSecretError } from "../../../client/src/pg.ts";
import { setUpPostgres, userOf } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

describe("a credential that the store refuses", () => {
  test("leaves the old pool serving, and is reported as rejected", async () => {
    const scene = await begin("rejected");
    const pool = await scene.open();
    const bad = scene.stage("wrong-EXAMPLE");
    await scene.announce(bad);
    await vi.waitFor(() => expect(scene.outcomesOf(bad)).toEqual(["rejected"]));
    expect(scene.reports.at(-1)?.reason).toEqual({
      code: "28P01",
      message: "The store refused user or password",
    });
    await Promise.all(Array.from({ length: 10 }, () => pool.query("select 1")));

    await scene.rotate("second-EXAMPLE");
    await pool.query("select 1");
  });

  test("is tried once, however often its notice comes", async () => {
    const scene = await begin("tried_once");
    await scene.open();
    const refusedBefore = stage.store.refusedLogins();
    const bad = scene.stage("wrong-EXAMPLE");
    for (let n = 0; n < 5; n += 1) await scene.announce(bad);
    await vi.waitFor(() => expect(scene.outcomesOf(bad)).toEqual(["rejected"]));
    const clone = await scene.stageClone();
    await scene.adopt(clone.versionId);
    expect(scene.outcomesOf(bad)).toEqual(["rejected"]);
    expect(stage.store.refusedLogins() - refusedBefore).toBe(1);
  });
});

describe("connections of the old credential", () => {
  test("finish a transaction that was open across the swap, on its own session", async () => {
    const scene = await begin("transaction");
    const pool = await scene.open();
    const client = await pool.connect();
    await client.query("begin");
    const before = await client.query("select pg_backend_pid() as pid");
    const clone = await scene.stageClone();
    await scene.announce(clone.versionId);
    await vi.waitFor(async () => expect(await userOf(pool)).toBe(clone.user));
    expect((await client.query("select pg_backend_pid() as pid")).rows).toEqual(before.rows);
    expect(await userOf(client)).toBe(scene.user);
    await client.query("commit");
    client.release();
    await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
  });

  test("let those who queue behind them go on at once with the new credential", async () => {
    const scene = await begin("queue_moves");
    const pool = await scene.open({ max: 1 });
    const held = await pool.connect();
    const queued = [userOf(pool), userOf(pool)];
    const clone = await scene.stageClone();
    await scene.announce(clone.versionId);
    expect(await Promise.all(queued)).toEqual([clone.user, clone.user]);
    held.release();
  });

  test("are closed at the drain deadline: the query under way fails, the process does not", async () => {
    const scene = await begin("deadline");
    const warnings: string[] = [];
    const pool = await scene.open({
      drainTimeoutMs: 200,
      warmUp: false,
      logger: { debug() {}, info() {}, error() {}, warn: (_fields, message) => warnings.push(message) },
    });
    const [querying, idling] = await Promise.all([pool.connect(), pool.connect()]);
    const stuck = querying.query("select pg_sleep(60)").catch((error) => error);
    await idling.query("begin");
    const clone = await scene.stageClone();
    await scene.announce(clone.versionId);
    expect(await stuck).toBeInstanceOf(Error);
    await expect(idling.query("select 1")).rejects.toThrow("not queryable");
    expect(warnings).toContain("Drain deadline has passed");
    querying.release();
    idling.release();
    expect(await userOf(pool)).toBe(clone.user);
    await vi.waitFor(() => expect(pool.totalCount).toBe(1));
  });
});

describe("start", () => {
  test("waits in the middle of a rotation until the new version is current", async () => {
    const scene = await begin("start_mid");
    const versionId = await scene.changePassword("second-EXAMPLE");
    const refusedBefore = stage.store.refusedLogins();
    const opening = scene.open();
    await vi.waitFor(() => expect(stage.store.refusedLogins() - refusedBefore).toBe(1));
    await vi.waitFor(() => expect(scene.secret.reads).toBeGreaterThan(3));
    scene.secret.promote(versionId);
    await (await opening).query("select 1");
    await vi.waitFor(() => expect(scene.reports).toHaveLength(1));
    expect(scene.reports[0]).toMatchObject({ versionId, outcome: "swapped", trigger: "start" });
    expect(stage.store.refusedLogins() - refusedBefore).toBe(1);
  });

  test("fails with the driver's error as its cause where no version logs in", async () => {
    const scene = await begin("start_never");
    await stage.store.setPassword({ user: scene.user, password: "second-EXAMPLE" });
    const error = await scene.open({ authWaitMs: 300 }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(CredentialRejectedError);
    expect(error.cause).toMatchObject({ code: "28P01" });
    await vi.waitFor(() => expect(scene.reports.at(-1)?.outcome).toBe("rejected"));
    await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
  });

  test("fails at once on a secret that is no credential", async () => {
    const scene = await begin("start_unusable");
    scene.secret.promote(scene.stage("", ""));
    await expect(scene.open()).rejects.toBeInstanceOf(UnusableSecretError);
  });

  test("does without a channel that nobody answers", async () => {
    const scene = await begin("start_deaf");
    const pool = await scene.open({ channelUrl: "mqtt://127.0.0.1:1" });
    await pool.query("select 1");
  });
});

describe("as a pg.Pool", () => {
  test("is one, and stays the same object for callbacks, promises and events", async () => {
    const scene = await begin("as_pool");
    const pool = await scene.open();
    expect(pool).toBeInstanceOf(pg.Pool);
    const connected: string[] = [];
    pool.on("connect", (client) => connected.push(String(client.user)));
    const clone = await scene.stageClone();
    await pool.query("select 1");
    await scene.announce(clone.versionId);
    await vi.waitFor(async () => expect(await userOf(pool)).toBe(clone.user));
    expect(connected).toEqual([scene.user, clone.user]);
    const rows = await new Promise((resolve, reject) => {
      pool.connect((error, client, done) => {
        if (error || !client) return reject(error);
        client.query("select 7 as n", (failed, result) => {
          done();
          if (failed) reject(failed);
          else resolve(result.rows);
        });
      });
    });
    expect(rows).toEqual([{ n: 7 }]);
    expect(pool.totalCount).toBe(1);
    expect(pool.idleCount).toBe(1);
  });

  test("shows no password, however it is printed", async () => {
    const scene = await begin("prints");
    const pool = await scene.open();
    const client = await pool.connect();
    const printed = inspect([pool, client], { depth: Number.POSITIVE_INFINITY });
    client.release();
    expect(printed).not.toContain("first-EXAMPLE");
  });

  test("survives the loss of its connections, and does not send a query twice", async () => {
    const scene = await begin("outage");
    const pool = await scene.open();
    await pool.query("create temporary table t (n int)");
    const stuck = pool.query("select pg_sleep(60)").catch((error) => error);
    await pool.query("select 1");
    await stage.store.cutOff();
    expect(await stuck).toBeInstanceOf(Error);
    await expect(pool.query("select 1")).rejects.toThrow();
    await stage.store.restore();
    await pool.query("select 1");
  });
});

describe("end()", () => {
  test("rejects the checkouts that wait for a credential, at once", async () => {
    const scene = await begin("end_parked");
    const pool = await scene.open();
    await stage.store.setPassword({ user: scene.user, password: "second-EXAMPLE" });
    const parked = Array.from({ length: 5 }, () =>
      pool.query("select 1").catch((error: Error) => error.message),
    );
    await vi.waitFor(() => expect(pool.waitingCount).toBe(5));
    await pool.end();
    expect(await Promise.all(parked)).toEqual(
      Array(5).fill("Cannot use a pool after calling end on the pool"),
    );
    await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
  });

  test("serves those who queue for a connection, and refuses those who come after", async () => {
    const scene = await begin("end_queued");
    const pool = await scene.open({ max: 1 });
    const held = await pool.connect();
    const queued = pool.query("select 1 as n");
    const ended = pool.end();
    await expect(pool.query("select 1")).rejects.toThrow("Cannot use a pool after calling end");
    await expect(pool.end()).rejects.toThrow("Called end on pool more than once");
    held.release();
    expect((await queued).rows).toEqual([{ n: 1 }]);
    await ended;
    expect(pool.ended).toBe(true);
    await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
  });
});

test("refuses bad options all at once", async () => {
  await expect(createRotatingPool({ secretId: undefined, drainTimeoutMs: -1, max: 0 })).rejects.toMatchObject(
    {
      code: "CONFIG_INVALID",
      problems: [
        expect.stringContaining("secretId"),
        expect.stringContaining("drainTimeoutMs"),
        expect.stringContaining("max"),
      ],
    },
  );
});
