import type pg from "pg";
import { expect, test, vi } from "vitest";
import { type Database, startDatabase } from "./database.ts";
import { startLoad } from "./load.ts";
import { setUpPostgres, userOf } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

async function transact(pool: pg.Pool): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const { rows } = await client.query("select pg_backend_pid() as pid");
    await client.query("select pg_sleep(0.01)");
    const again = await client.query("select pg_backend_pid() as pid");
    await client.query("commit");
    return rows[0].pid === again.rows[0].pid ? 1 : 0;
  } finally {
    client.release();
  }
}

test("50 transactions at a time go through a rotation, each on one session", async () => {
  const scene = await begin("transactions");
  const pool = await scene.open({ max: 20, maxUses: 10 });
  let isRunning = true;
  const workers = Array.from({ length: 50 }, async () => {
    let whole = 0;
    let all = 0;
    for (; isRunning || all === 0; all += 1) whole += await transact(pool);
    return all - whole;
  });
  await scene.rotate("second-EXAMPLE");
  isRunning = false;
  expect(await Promise.all(workers)).toEqual(Array(50).fill(0));
});

test("a pool whose connections are all busy goes over as they come back", async () => {
  const scene = await begin("busy");
  const pool = await scene.open({ max: 3 });
  const held = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
  const queued = [pool.query("select 1"), pool.query("select 1")];
  await scene.rotate("second-EXAMPLE");
  for (const client of held) {
    await client.query("select 1");
    client.release();
  }
  await Promise.all(queued);
  await vi.waitFor(() => expect(pool.totalCount).toBeLessThanOrEqual(3));
});

test("a change of the host moves queries to the other database, and closes the connections to the first", async () => {
  const scene = await begin("moved");
  const other: Database = await startDatabase();
  try {
    const login = { user: scene.user, password: "first-EXAMPLE" };
    await other.createUser(login);
    const pool = await scene.open({ max: 5 });
    const load = startLoad(() => pool.query("select 1"), 8);
    await scene.adopt(scene.stage(login.password, login.user, { port: other.port }));
    await load.stop();
    expect(load.errors).toEqual([]);
    await vi.waitFor(async () => expect(await stage.store.sessionsOf(scene.user)).toBe(0));
    expect(await other.sessionsOf(scene.user)).toBeGreaterThan(0);
    await pool.end();
  } finally {
    await other.stop();
  }
});

test("a rotation while the database is away is followed when it is back; nothing waits for ever", async () => {
  const scene = await begin("away");
  const pool = await scene.open({ max: 3 });
  await pool.query("select 1");
  const versionId = await scene.changePassword("second-EXAMPLE");
  await stage.store.cutOff();
  await scene.announce(versionId);
  await expect(pool.query("select 1")).rejects.toThrow();
  await vi.waitFor(async () => expect((await pool.health()).status).toBe("down"));
  await stage.store.restore();
  await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["swapped"]), { timeout: 10_000 });
  await pool.query("select 1");
  await vi.waitFor(async () => expect((await pool.health()).status).toBe("ok"));
});

test("the error names both where the old password is dead and the new version has a fault of its own", async () => {
  const scene = await begin("neither");
  const pool = await scene.open({ maxUses: 1, authWaitMs: 500 });
  const first = scene.secret.currentVersionId;
  const nobodyListens = 1;
  const versionId = scene.stage("second-EXAMPLE", scene.user, { port: nobodyListens });
  await stage.store.setPassword({ user: scene.user, password: "second-EXAMPLE" });
  await scene.announce(versionId);
  const error = await pool.query("select 1").catch((reason) => reason);
  expect(error).toMatchObject({ name: "CredentialRejectedError", code: "CREDENTIAL_REJECTED" });
  expect(error.message).toContain(`version ${first} is refused (28P01)`);
  expect(error.message).toContain(`version ${versionId} cannot be used (ECONNREFUSED)`);
  expect(error.cause.errors).toMatchObject([{ code: "28P01" }, { code: "ECONNREFUSED" }]);
});

test("a check of one's own keeps out a credential that logs in and is good for nothing", async () => {
  const scene = await begin("checked");
  const asked: string[] = [];
  const pool = await scene.open({
    verify: async (client) => {
      const { rows } = await client.query("select current_user as name");
      asked.push(rows[0].name);
      if (rows[0].name.endsWith("_clone")) await client.query("select * from table_that_nobody_made");
    },
  });
  const clone = await scene.stageClone();
  const rejected = new Promise((resolve) => pool.once("rejected", resolve));
  await scene.announce(clone.versionId);
  const reason = { code: "CHECK_FAILED", message: expect.stringContaining("42P01") };
  expect(await rejected).toMatchObject({ reason });
  const health = { status: "degraded", reason: expect.stringContaining("CHECK_FAILED") };
  expect(await pool.health()).toMatchObject(health);
  expect(asked.slice(0, 2)).toEqual([scene.user, clone.user]);
  expect(await userOf(pool)).toBe(scene.user);
});

test("each step is an event, in order, with what a log needs", async () => {
  const scene = await begin("told");
  const pool = await scene.open({ maxUses: 1 });
  const heard: [string, object][] = [];
  for (const name of ["rotation-detected", "swapped", "rejected", "drained", "login-refused"] as const) {
    pool.on(name, (event: object) => heard.push([name, event]));
  }
  const first = scene.secret.currentVersionId;
  const second = await scene.rotate("second-EXAMPLE");
  await vi.waitFor(() => expect(heard.map(([name]) => name)).toContain("drained"));
  const third = scene.stage("wrong-EXAMPLE");
  await scene.announce(third);
  await vi.waitFor(() => expect(heard.map(([name]) => name)).toContain("rejected"));

  const secretArn = scene.secret.arn;
  const base = { secretId: secretArn, secretArn, trigger: "notice", currentSince: expect.any(String) };
  expect(heard).toEqual([
    ["rotation-detected", { ...base, versionId: second }],
    ["swapped", expect.objectContaining({ ...base, versionId: second, previousVersionId: first })],
    ["drained", { secretId: secretArn, versionId: first, drainMs: expect.any(Number), cutOff: 0 }],
    ["rotation-detected", { ...base, versionId: third }],
    ["login-refused", { secretId: secretArn }],
    ["rejected", expect.objectContaining({ ...base, versionId: third, reason: expect.any(Object) })],
  ]);
});

test("what a listener throws stops no rotation", async () => {
  const scene = await begin("thrown");
  const errors: string[] = [];
  const logger = { debug() {}, info() {}, warn() {}, error: (_: object, text: string) => errors.push(text) };
  const pool = await scene.open({ logger });
  pool.on("swapped", () => {
    throw new Error("listener");
  });
  await scene.rotate("second-EXAMPLE");
  await vi.waitFor(() => expect(errors).toEqual(["A listener has failed"]));
});
