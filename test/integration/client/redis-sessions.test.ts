import { describe, expect, test, vi } from "vitest";
import { DrainTimeoutError } from "../../../client/src/ioredis.ts";
import { startLoad } from "./load.ts";
import { nextOf, type RedisScene, setUpRedis } from "./redis-scene.ts";
import { REDIS_SERVER, startRedis } from "./redis-server.ts";

/** Alternating users: the old one stays valid. */
async function rotate(scene: RedisScene): Promise<void> {
  const clone = `${scene.user}_clone`;
  await scene.setUser(clone, ">clone-EXAMPLE");
  await scene.adopt(scene.stage("clone-EXAMPLE", clone));
}

describe.skipIf(!REDIS_SERVER)("sessions in a rotation (skipped where redis-server is not installed)", () => {
  const stage = setUpRedis();
  const blocked = (scene: RedisScene) =>
    vi.waitFor(async () => {
      const sessions = await stage.store.sessionsOf(scene.user);
      expect(sessions).toContainEqual(expect.objectContaining({ cmd: "blpop" }));
    });

  test("a subscriber of RESP2 keeps its session to the drain deadline, then connects and subscribes anew", async () => {
    const scene = await stage.begin("subscriber");
    const redis = await scene.open({ drainTimeoutMs: 300, protocol: 2 });
    const sub = scene.keep(redis.duplicate());
    const heard: string[] = [];
    sub.on("message", (_channel, message) => heard.push(message));
    await sub.subscribe("orders");
    const drained = nextOf(redis, "drained");
    const ready = nextOf(sub, "ready");
    await rotate(scene);
    expect(await stage.store.sessionsOf(scene.user)).toHaveLength(1);
    await redis.publish("orders", "before");
    await vi.waitFor(() => expect(heard).toEqual(["before"]));
    expect(await drained).toMatchObject([{ cutOff: 1 }]);
    await ready;
    await vi.waitFor(async () => expect(await redis.publish("orders", "after")).toBe(1));
    await vi.waitFor(() => expect(heard).toEqual(["before", "after"]));
    expect(await stage.store.sessionsOf(scene.user)).toHaveLength(0);
  });

  test("a blocked command gets its answer, and its session the new login after it", async () => {
    const scene = await stage.begin("blocked");
    const redis = await scene.open();
    const worker = scene.keep(redis.duplicate());
    const session = await worker.client("ID");
    const job = worker.blpop("jobs", 0);
    await blocked(scene);
    const drained = nextOf(redis, "drained");
    await rotate(scene);
    await redis.rpush("jobs", "first");
    expect(await job).toEqual(["jobs", "first"]);
    expect(await drained).toMatchObject([{ cutOff: 0 }]);
    expect(await worker.call("ACL", "WHOAMI")).toBe("blocked_clone");
    expect(await worker.client("ID")).toBe(session);
  });

  test("a command that is blocked at the drain deadline fails, and is not sent again", async () => {
    const scene = await stage.begin("cut");
    // Ending a connection must not be taken for a failure, which would end this client.
    const redis = await scene.open({ drainTimeoutMs: 200 });
    const worker = scene.keep(redis.duplicate({ retryStrategy: null, maxRetriesPerRequest: 0 }));
    const job = worker.blpop("cut_jobs", 0);
    await blocked(scene);
    const failure = job.catch((error) => error);
    await rotate(scene);
    expect(await failure).toBeInstanceOf(DrainTimeoutError);
    expect(await worker.call("ACL", "WHOAMI")).toBe("cut_clone");
    await redis.rpush("cut_jobs", "kept");
    expect(await worker.ping()).toBe("PONG");
    expect(await redis.lrange("cut_jobs", 0, -1)).toEqual(["kept"]);
    expect(worker.options).toMatchObject({ retryStrategy: null, maxRetriesPerRequest: 0 });
  });

  test("a transaction that is open at the swap is not disturbed", async () => {
    const scene = await stage.begin("transaction");
    const redis = await scene.open();
    await redis.multi({ pipeline: false });
    await redis.set("transaction", "1");
    const drained = nextOf(redis, "drained");
    await rotate(scene);
    expect(await redis.health()).toMatchObject({ status: "ok" });
    await redis.incr("transaction");
    expect(await redis.exec()).toEqual([
      [null, "OK"],
      [null, 2],
    ]);
    await drained;
    expect(await redis.call("ACL", "WHOAMI")).toBe("transaction_clone");
  });

  test("a transaction in one pipeline comes through whole, over and over, while the login changes", async () => {
    const scene = await stage.begin("pipelines");
    const redis = await scene.open();
    const results: unknown[] = [];
    let isRunning = true;
    const work = async () => {
      while (isRunning) results.push(await redis.multi().set("p", "1").incr("p").exec());
    };
    const workers = Promise.all([work(), work(), work()]);
    await rotate(scene);
    const before = results.length;
    await vi.waitFor(() => expect(results.length).toBeGreaterThan(before + 10));
    isRunning = false;
    await workers;
    expect(new Set(results.map((result) => JSON.stringify(result)))).toEqual(
      new Set(['[[null,"OK"],[null,2]]']),
    );
  });

  test("another host: nothing is lost, and nothing is done twice", async () => {
    const other = await startRedis();
    try {
      const scene = await stage.begin("moved");
      await other.acl("SETUSER", "moved", "on", "~*", "&*", "+@all", ">second-EXAMPLE");
      await stage.store.admin.del("load");
      const redis = await scene.open();
      const load = startLoad(() => redis.incr("load"), 10);
      const next = scene.stage("second-EXAMPLE", "moved", { port: other.port });
      await vi.waitFor(() => expect(load.done).toBeGreaterThan(10));
      await scene.adopt(next);
      await vi.waitFor(async () => expect(Number(await other.admin.get("load"))).toBeGreaterThan(10));
      await load.stop();
      expect(load.errors).toEqual([]);
      const counted = [await stage.store.admin.get("load"), await other.admin.get("load")];
      expect(counted.reduce((sum, count) => sum + Number(count), 0)).toBe(load.done);
      expect(redis.options.port).toBe(other.port);
      expect(await stage.store.sessionsOf("moved")).toEqual([]);
    } finally {
      await other.stop();
    }
  });

  test("quit ends the rotation, unless a duplicate is open", async () => {
    const scene = await stage.begin("ends");
    const redis = await scene.open();
    const duplicate = scene.keep(redis.duplicate());
    await duplicate.ping();
    expect(await redis.quit()).toBe("OK");
    await rotate(scene);
    await vi.waitFor(async () => expect(await duplicate.call("ACL", "WHOAMI")).toBe("ends_clone"));
    expect(await duplicate.quit()).toBe("OK");
    const reads = scene.secret.reads;
    await scene.announce(scene.stage("third-EXAMPLE"));
    await expect(duplicate.ping()).rejects.toThrow("Connection is closed.");
    expect(scene.secret.reads).toBe(reads);
  });

  test("a duplicate takes no credential of its own", async () => {
    const scene = await stage.begin("own");
    const redis = await scene.open();
    expect(() => redis.duplicate({ username: "me", password: "own-EXAMPLE" })).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID" }),
    );
  });
});
