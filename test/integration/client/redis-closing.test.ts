import { describe, expect, test, vi } from "vitest";
import { nextOf, type RedisScene, setUpRedis } from "./redis-scene.ts";
import { REDIS_SERVER } from "./redis-server.ts";

describe.skipIf(!REDIS_SERVER)(
  "closing a client, and using it after (skipped where redis-server is not installed)",
  () => {
    const stage = setUpRedis();
    const closed = { message: "Connection is closed." };

    async function refuseLogins(scene: RedisScene): Promise<void> {
      await scene.setUser(scene.user, "resetpass", ">second-EXAMPLE");
      await scene.killSessionsOf(scene.user);
    }

    test("quit while logins are refused fails what waits, and nothing goes on", async () => {
      const scene = await stage.begin("quit_refused");
      const redis = await scene.open();
      const refused = nextOf(redis, "login-refused");
      await refuseLogins(scene);
      await refused;
      const waiting = redis.get("none").catch((error) => error);
      expect(await redis.quit()).toBe("OK");
      expect(await waiting).toMatchObject(closed);
      expect(redis.status).toBe("end");
      const { reads } = scene.secret;
      scene.secret.promote(scene.stage("second-EXAMPLE"));
      await expect(redis.get("none")).rejects.toMatchObject(closed);
      expect(scene.secret.reads).toBe(reads);
      expect(await stage.store.sessionsOf("quit_refused")).toEqual([]);
    });

    test("a quit that fails ends the client all the same", async () => {
      const scene = await stage.begin("quit_fails");
      const redis = await scene.open();
      const client = scene.keep(redis.duplicate({ enableOfflineQueue: false }));
      await expect(client.quit()).rejects.toThrow("Stream isn't writeable");
      await vi.waitFor(() => expect(client.status).toBe("end"));
    });

    test("disconnect between two connections fails what waits for the next", async () => {
      const scene = await stage.begin("between");
      const redis = await scene.open();
      const client = scene.keep(redis.duplicate({ retryStrategy: () => 60_000 }));
      const session = await client.client("ID");
      await stage.store.admin.client("KILL", "ID", session);
      await vi.waitFor(() => expect(client.status).toBe("reconnecting"));
      const waiting = client.get("none").catch((error) => error);
      client.disconnect();
      expect(await waiting).toMatchObject(closed);
      expect(client.status).toBe("end");
    });

    test("a duplicate that has not connected yet keeps the rotation alive", async () => {
      const scene = await stage.begin("lazy");
      const redis = await scene.open();
      const lazy = scene.keep(redis.duplicate({ lazyConnect: true }));
      await redis.quit();
      await scene.setUser("lazy_clone", ">clone-EXAMPLE");
      await scene.adopt(scene.stage("clone-EXAMPLE", "lazy_clone"));
      expect(await lazy.call("ACL", "WHOAMI")).toBe("lazy_clone");
      expect(await lazy.quit()).toBe("OK");
    });

    test("where the rotation has ended, connecting anew is refused and says why", async () => {
      const scene = await stage.begin("ended");
      const redis = await scene.open();
      const ended = nextOf(redis, "end");
      redis.disconnect();
      await ended;
      const why = { code: "ROTATION_ENDED", message: expect.stringContaining("createRotatingRedis") };
      await expect(redis.connect()).rejects.toMatchObject(why);
      await expect(scene.keep(redis.duplicate()).ping()).rejects.toMatchObject(why);
      expect(redis.status).toBe("end");
    });
  },
);
