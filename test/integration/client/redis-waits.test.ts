import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import { Redis, ReplyError } from "ioredis";
import { describe, expect, test, vi } from "vitest";
import { nextOf, setUpRedis } from "./redis-scene.ts";
import { REDIS_SERVER } from "./redis-server.ts";

describe.skipIf(!REDIS_SERVER)(
  "a login that Redis refuses (skipped where redis-server is not installed)",
  () => {
    const stage = setUpRedis();

    test("keeps commands waiting until there is a credential that works, whatever maxRetriesPerRequest says", async () => {
      const scene = await stage.begin("waits");
      const redis = await scene.open({ maxRetriesPerRequest: 1, retryStrategy: () => 1 });
      const next = await scene.changePassword("second-EXAMPLE");
      const refused = nextOf(redis, "login-refused");
      await scene.killSessionsOf(scene.user);
      const commands = [redis.set("waits", "1"), redis.incr("waits"), redis.multi().incr("waits").exec()];
      await refused;
      scene.secret.promote(next);
      expect(await Promise.all(commands)).toEqual(["OK", 2, [[null, 3]]]);
    });

    test("fails the commands with the store's own error after authWaitMs, and serves those that come later", async () => {
      const scene = await stage.begin("gives_up");
      const redis = await scene.open({ authWaitMs: 300 });
      const errors: Error[] = [];
      redis.on("error", (error) => errors.push(error));
      await scene.setUser(scene.user, "resetpass", ">second-EXAMPLE");
      await scene.killSessionsOf(scene.user);
      const failure = await vi.waitFor(() =>
        redis.get("none").then(
          () => {
            throw new Error("The session is open still");
          },
          (error) => error,
        ),
      );
      expect(failure).toBeInstanceOf(ReplyError);
      expect(failure).toMatchObject({ code: "WRONGPASS", message: expect.stringMatching(/^WRONGPASS /) });
      expect(errors).toContain(failure);
      expect(inspect(failure, { depth: 5 })).not.toContain("EXAMPLE");
      scene.secret.promote(scene.stage("second-EXAMPLE"));
      expect(await redis.get("none")).toBeNull();
    });

    test("gives each command authWaitMs of its own", async () => {
      const scene = await stage.begin("each_its_own");
      const redis = await scene.open({ authWaitMs: 800 });
      const told: Error[] = [];
      redis.on("error", (error) => told.push(error));
      const refused = nextOf(redis, "login-refused");
      await scene.setUser(scene.user, "resetpass", ">second-EXAMPLE");
      await scene.killSessionsOf(scene.user);
      await refused;
      const early = redis.multi().get("none").exec();
      const failure = early.catch((error) => error);
      await delay(400);
      const late = redis.get("none");
      expect(await failure).toMatchObject({ code: "WRONGPASS" });
      await scene.announce(scene.stage("second-EXAMPLE"));
      expect(await late).toBeNull();
      expect(told).toEqual([await failure]);
    });

    test("costs no more than maxLoginTries a minute, however many connections there are", async () => {
      const scene = await stage.begin("budget");
      const redis = await scene.open({ maxLoginTries: 2, authWaitMs: 500 });
      const clients = [redis, ...Array.from({ length: 6 }, () => scene.keep(redis.duplicate()))];
      await Promise.all(clients.map((client) => client.ping()));
      await scene.setUser(scene.user, "resetpass", ">second-EXAMPLE");
      const refusedBefore = await stage.store.refusedLogins();
      await scene.killSessionsOf(scene.user);
      await Promise.all(clients.map((client) => nextOf(client, "close")));
      const failures = await Promise.allSettled(clients.map((client) => client.ping()));
      expect(failures.map(({ status }) => status)).toEqual(clients.map(() => "rejected"));
      expect((await stage.store.refusedLogins()) - refusedBefore).toBeLessThanOrEqual(2);
    });

    test("names both where the next version has a fault of its own", async () => {
      const scene = await stage.begin("both_bad");
      const redis = await scene.open({ authWaitMs: 300 });
      await scene.setUser(scene.user, "resetpass", ">second-EXAMPLE");
      await scene.killSessionsOf(scene.user);
      await nextOf(redis, "close");
      scene.secret.promote(scene.secret.stage({ username: scene.user }));
      await expect(redis.ping()).rejects.toMatchObject({
        code: "CREDENTIAL_REJECTED",
        message: expect.stringMatching(/WRONGPASS.*SECRET_UNUSABLE/),
      });
    });

    test("is told as the store's own error where the next version is refused likewise", async () => {
      const scene = await stage.begin("both_refused");
      const redis = await scene.open({ authWaitMs: 500 });
      const rejected = nextOf(redis, "rejected");
      await scene.setUser(scene.user, "resetpass", ">second-EXAMPLE");
      await scene.killSessionsOf(scene.user);
      scene.secret.promote(scene.stage("wrong-EXAMPLE"));
      const failure = await vi.waitFor(() =>
        redis.ping().then(
          () => {
            throw new Error("The session is open still");
          },
          (error) => error,
        ),
      );
      await rejected;
      expect(failure).toBeInstanceOf(ReplyError);
      expect(failure).toMatchObject({ code: "WRONGPASS" });
    });

    test("falls back to the user before, while that one may still be valid", async () => {
      const scene = await stage.begin("fall_back");
      const redis = await scene.open();
      await scene.setUser("fall_back_clone", ">clone-EXAMPLE");
      await scene.adopt(scene.stage("clone-EXAMPLE", "fall_back_clone"));
      await vi.waitFor(async () => expect(await redis.call("ACL", "WHOAMI")).toBe("fall_back_clone"));
      const closed = nextOf(redis, "close");
      await stage.store.acl("DELUSER", "fall_back_clone");
      await closed;
      expect(await redis.call("ACL", "WHOAMI")).toBe("fall_back");
    });

    test("is none where the server is away: that is ioredis' own affair", async () => {
      const scene = await stage.begin("restart");
      const redis = await scene.open({ retryStrategy: () => 20, maxRetriesPerRequest: null });
      await stage.store.halt();
      const command = redis.set("restart", "1");
      await vi.waitFor(() => expect(redis.status).toBe("reconnecting"));
      await stage.store.start();
      expect(await command).toBe("OK");
      const next = scene.stage("second-EXAMPLE");
      await scene.setUser(scene.user, ">second-EXAMPLE");
      await scene.adopt(next);
    });

    test("waits too where the password was changed while the server was away", async () => {
      const scene = await stage.begin("restart_mid");
      const redis = await scene.open({ retryStrategy: () => 20, maxRetriesPerRequest: null });
      const next = await scene.changePassword("second-EXAMPLE");
      await stage.store.halt();
      const command = redis.get("none");
      const refused = nextOf(redis, "login-refused");
      await stage.store.start();
      await refused;
      scene.secret.promote(next);
      expect(await command).toBeNull();
    });

    test("no password is in the options, and a client made of a copy of them logs in all the same", async () => {
      const scene = await stage.begin("copied");
      const redis = await scene.open();
      expect(inspect(redis.options, { depth: 10 })).not.toContain("EXAMPLE");
      const copy = scene.keep(new Redis({ ...(redis.options as object), connectionName: "copy" }));
      expect(await copy.call("ACL", "WHOAMI")).toBe("copied");
      await scene.rotate("second-EXAMPLE");
      const closed = nextOf(copy, "close");
      await scene.killSessionsOf(scene.user);
      await closed;
      expect(await copy.ping()).toBe("PONG");
    });
  },
);
