import { inspect } from "node:util";
import { describe, expect, test, vi } from "vitest";
import { nextOf, setUpRedis } from "./redis-scene.ts";
import { REDIS_SERVER } from "./redis-server.ts";

describe.skipIf(!REDIS_SERVER)(
  "the AUTH that gives a session another login (skipped where redis-server is not installed)",
  () => {
    const stage = setUpRedis();
    const blocked = (user: string) =>
      vi.waitFor(async () => {
        const sessions = await stage.store.sessionsOf(user);
        expect(sessions).toContainEqual(expect.objectContaining({ cmd: "blpop" }));
      });

    test("is hidden from reconnectOnError when it is refused, and the session keeps its login", async () => {
      const scene = await stage.begin("hidden");
      const shown: string[] = [];
      const reconnectOnError = (error: Error) => {
        shown.push(inspect(error, { depth: 5 }));
        return false;
      };
      const redis = await scene.open({ reconnectOnError });
      const worker = scene.keep(redis.duplicate());
      const job = worker.blpop("hidden_jobs", 0);
      await blocked("hidden");
      await scene.setUser("hidden_clone", ">clone-EXAMPLE");
      await scene.adopt(scene.stage("clone-EXAMPLE", "hidden_clone"));
      await vi.waitFor(async () => expect(await redis.call("ACL", "WHOAMI")).toBe("hidden_clone"));
      await scene.setUser("hidden_clone", "resetpass", ">other-EXAMPLE");
      const refused = nextOf(redis, "login-refused");
      await redis.rpush("hidden_jobs", "first");
      await job;
      await refused;
      await expect(worker.call("NO-SUCH-COMMAND")).rejects.toThrow();
      expect(shown).toHaveLength(1);
      expect(shown.join()).not.toContain("EXAMPLE");
      expect(await worker.call("ACL", "WHOAMI")).toBe("hidden");
    });

    test("is given to a session that missed it when the credential works again", async () => {
      const scene = await stage.begin("again");
      const redis = await scene.open({ maxLoginTries: 600 });
      const worker = scene.keep(redis.duplicate());
      const job = worker.blpop("again_jobs", 0);
      await blocked("again");
      await scene.setUser("again_clone", ">clone-EXAMPLE");
      await scene.adopt(scene.stage("clone-EXAMPLE", "again_clone"));
      await scene.setUser("again_clone", "resetpass", ">other-EXAMPLE");
      const refused = nextOf(redis, "login-refused");
      await redis.rpush("again_jobs", "first");
      await job;
      await refused;
      await scene.setUser("again_clone", ">clone-EXAMPLE");
      const fresh = scene.keep(redis.duplicate());
      await vi.waitFor(async () => {
        fresh.disconnect(true);
        expect(await fresh.call("ACL", "WHOAMI")).toBe("again_clone");
      });
      await vi.waitFor(async () => expect(await worker.call("ACL", "WHOAMI")).toBe("again_clone"));
    });

    test("waits behind a blocking command for longer than commandTimeout", async () => {
      const scene = await stage.begin("patient");
      const redis = await scene.open();
      const worker = scene.keep(redis.duplicate({ commandTimeout: 100 }));
      const job = worker.blpop("patient_jobs", 0).catch((error) => error);
      await blocked("patient");
      const drained = nextOf(redis, "drained");
      await scene.setUser("patient_clone", ">clone-EXAMPLE");
      await scene.adopt(scene.stage("clone-EXAMPLE", "patient_clone"));
      expect(await job).toMatchObject({ message: "Command timed out" });
      // Later than the time-out of whatever was sent at the swap.
      await expect(worker.ping()).rejects.toThrow("Command timed out");
      await redis.rpush("patient_jobs", "first");
      expect(await drained).toMatchObject([{ cutOff: 0 }]);
      expect(await worker.call("ACL", "WHOAMI")).toBe("patient_clone");
    });
  },
);
