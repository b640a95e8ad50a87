import { expect, test, vi } from "vitest";
import { setUpStage } from "./stage.ts";

const stage = setUpStage();
const { begin } = stage;

test("a connection that a firewall has forgotten is down for one probe, not for good", async () => {
  const scene = await begin("forgotten");
  const pool = await scene.open({ max: 2 });
  await pool.query("select 1");
  stage.database.freezeConnections();
  expect(await pool.health({ timeoutMs: 300 })).toMatchObject({
    status: "down",
    reason: "No answer within 300 ms",
  });
  await vi.waitFor(async () => expect((await pool.health({ timeoutMs: 300 })).status).not.toBe("down"));
});

test("a pool that is busy for longer than a probe waits is not probed ever more", async () => {
  const scene = await begin("occupied");
  const pool = await scene.open({ max: 1 });
  const held = await pool.connect();
  for (let n = 0; n < 3; n += 1) expect((await pool.health({ timeoutMs: 50 })).status).toBe("down");
  expect(pool.waitingCount).toBe(1);
  held.release();
  await vi.waitFor(async () => expect((await pool.health()).status).toBe("ok"));
});

test("a pool that has ended says so", async () => {
  const scene = await begin("over");
  const pool = await scene.open();
  await pool.end();
  expect(await pool.health()).toMatchObject({ status: "down", reason: "It was ended" });
});

test("a listener that rejects or throws keeps none from hearing, and ends no process", async () => {
  const scene = await begin("listeners");
  const errors: string[] = [];
  const logger = { debug() {}, info() {}, warn() {}, error: (_: object, text: string) => errors.push(text) };
  const pool = await scene.open({ logger });
  const heard: string[] = [];
  pool.on("swapped", () => {
    throw new Error("first");
  });
  pool.on("swapped", async () => {
    throw new Error("second");
  });
  pool.once("swapped", ({ versionId }) => heard.push(versionId));
  for (const password of ["second-EXAMPLE", "third-EXAMPLE"]) {
    const next = { user: scene.user, password };
    const versionId = scene.secret.stage(next);
    await stage.database.setPassword(next);
    await scene.announce(versionId);
    await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["swapped"]), { timeout: 5_000 });
  }
  expect(heard).toHaveLength(1);
  await vi.waitFor(() => expect(errors).toEqual(Array(4).fill("A listener has failed")));
});

test("a notice that was kept by the broker is followed though the first read is behind it", async () => {
  const scene = await begin("kept");
  const first = scene.secret.currentVersionId;
  const next = { user: `${scene.user}_next`, password: "next-EXAMPLE" };
  await stage.database.createUser(next);
  const versionId = scene.secret.stage(next);
  await scene.announce(versionId);
  let isBehind = true;
  const { readCurrent } = scene.secret;
  scene.secret.readCurrent = async () => {
    if (!isBehind) return readCurrent.call(scene.secret);
    isBehind = false;
    const stale = await scene.secret.readVersion(scene.secret.arn, first);
    if (!stale) throw new Error("The first version is gone");
    return { ...stale, labels: ["AWSCURRENT"] };
  };
  const pool = await scene.open();
  await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["swapped"]), { timeout: 5_000 });
  expect((await pool.query("select current_user as name")).rows[0].name).toBe(next.user);
});
