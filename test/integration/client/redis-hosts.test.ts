import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { RotatingRedis } from "../../../client/src/ioredis.ts";
import { startLoad } from "./load.ts";
import { nextOf, type RedisScene, setUpRedis } from "./redis-scene.ts";
import { REDIS_SERVER, type RedisServer, startRedis } from "./redis-server.ts";

describe.skipIf(!REDIS_SERVER)(
  "a rotation to another host (skipped where redis-server is not installed)",
  () => {
    const stage = setUpRedis();
    let other: RedisServer;
    beforeAll(async () => {
      other = await startRedis();
    });
    afterAll(() => other.stop());

    async function rotate(scene: RedisScene): Promise<void> {
      await other.acl("SETUSER", scene.user, "on", "~*", "&*", "+@all", ">second-EXAMPLE");
      await scene.adopt(scene.stage("second-EXAMPLE", scene.user, { port: other.port }));
    }

    const movedTo = ({ port }: RedisServer, redis: RotatingRedis) =>
      vi.waitFor(
        async () => {
          await redis.ping();
          expect(redis.options.port).toBe(port);
        },
        { timeout: 5_000 },
      );

    test("that goes away right after the swap: the one before serves, until the new one is back", async () => {
      const scene = await stage.begin("away");
      const warnings: string[] = [];
      const logger = {
        debug() {},
        info() {},
        error() {},
        warn: (_: object, text: string) => warnings.push(text),
      };
      const redis = await scene.open({ logger, retryStrategy: () => 20 });
      const worker = scene.keep(redis.duplicate());
      await rotate(scene);
      await movedTo(other, redis);
      await movedTo(other, worker);
      await other.halt();
      expect(await redis.set("away", "1")).toBe("OK");
      expect(await worker.get("away")).toBe("1");
      expect(redis.options.port).toBe(stage.store.port);
      expect(await stage.store.admin.get("away")).toBe("1");
      const session = await redis.client("ID");
      await vi.waitFor(async () => expect(await stage.store.sessionsOf("away")).toHaveLength(2));
      expect(await redis.client("ID")).toBe(session);
      expect(warnings.filter((text) => text.startsWith("New credential fails"))).toHaveLength(1);
      await other.start();
      await movedTo(other, redis);
      await movedTo(other, worker);
      await vi.waitFor(async () => expect(await stage.store.sessionsOf("away")).toEqual([]));
    });

    test("that is away still when the drain time is over: nobody stays with the one before", async () => {
      const scene = await stage.begin("away_long");
      const redis = await scene.open({ drainTimeoutMs: 400, retryStrategy: () => 20 });
      await rotate(scene);
      await movedTo(other, redis);
      await other.halt();
      try {
        expect(await redis.ping()).toBe("PONG");
        await nextOf(redis, "drained");
        await vi.waitFor(async () => expect(await stage.store.sessionsOf("away_long")).toEqual([]));
      } finally {
        await other.start();
      }
      await movedTo(other, redis);
    });

    test("loses no command where enableOfflineQueue is off", async () => {
      const scene = await stage.begin("no_queue");
      const redis = await scene.open();
      const client = scene.keep(redis.duplicate({ enableOfflineQueue: false }));
      await nextOf(client, "ready");
      const load = startLoad(() => client.incr("load"), 5);
      await vi.waitFor(() => expect(load.done).toBeGreaterThan(10));
      await rotate(scene);
      await vi.waitFor(() => expect(client.options.port).toBe(other.port));
      const before = load.done;
      await vi.waitFor(() => expect(load.done).toBeGreaterThan(before + 10));
      await load.stop();
      expect(load.errors).toEqual([]);
      expect(client.options.enableOfflineQueue).toBe(false);
    });

    test("leaves a session alone that watches keys, to its EXEC", async () => {
      const scene = await stage.begin("watching");
      const redis = await scene.open();
      await redis.watch("watched");
      await rotate(scene);
      for (const { admin } of [stage.store, other]) await admin.set("watched", "by another");
      expect(await redis.health()).toMatchObject({ status: "ok" });
      expect(await redis.multi().set("watched", "mine").exec()).toBeNull();
      await movedTo(other, redis);
      expect(await other.admin.get("watched")).toBe("by another");
    });

    test.each(["unwatch", "discard"] as const)("moves a session that watched keys after %s", async (end) => {
      const scene = await stage.begin(`after_${end}`);
      const redis = await scene.open();
      await redis.watch("watched");
      if (end === "discard") await redis.multi({ pipeline: false });
      await rotate(scene);
      expect(redis.options.port).toBe(stage.store.port);
      await redis[end]();
      await movedTo(other, redis);
    });
  },
);
