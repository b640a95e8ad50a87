import { expect, test, vi } from "vitest";
import { setUpPostgres, userOf } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

test("a connection that a firewall has forgotten is down for one probe, not for good", async () => {
  const scene = await begin("forgotten");
  const pool = await scene.open({ max: 2 });
  await pool.query("select 1");
  stage.store.freezeConnections();
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
    await scene.rotate(password);
  }
  expect(heard).toHaveLength(1);
  await vi.waitFor(() => expect(errors).toEqual(Array(4).fill("A listener has failed")));
});

test("a notice that was kept by the broker is followed though the first read is behind it", async () => {
  const scene = await begin("kept");
  const first = scene.secret.currentVersionId;
  const next = { user: `${scene.user}_next`, password: "next-EXAMPLE" };
  const versionId = await scene.stageUser(next);
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
  expect(await userOf(pool)).toBe(next.user);
});
