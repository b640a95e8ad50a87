import { Redis } from "ioredis";
import { describe, expect, test, vi } from "vitest";
import { startLoad } from "./load.ts";
import { nextOf, type RedisScene, setUpRedis } from "./redis-scene.ts";
import { REDIS_SERVER } from "./redis-server.ts";

const noServer = "redis-server is not installed";

/** Single user, both passwords valid meanwhile; resolves when the new one is in use. */
async function rotate(scene: RedisScene, password: string): Promise<string> {
  const versionId = scene.stage(password);
  await scene.setUser(scene.user, `>${password}`);
  await scene.adopt(versionId);
  return versionId;
}

describe.skipIf(!REDIS_SERVER)(`a rotation on Redis (skipped where ${noServer})`, () => {
  const stage = setUpRedis();
  const userOf = (redis: Redis) => redis.call("ACL", "WHOAMI");

  test("two valid passwords: sessions go on, and under load nothing fails", async () => {
    const scene = await stage.begin("two_passwords");
    const redis = await scene.open();
    expect(redis).toBeInstanceOf(Redis);
    const session = await redis.client("ID");
    const load = startLoad(() => redis.incr("load"), 10);
    await rotate(scene, "second-EXAMPLE");
    await scene.setUser(scene.user, "<first-EXAMPLE");
    await rotate(scene, "third-EXAMPLE");
    await load.stop();
    expect(load.done).toBeGreaterThan(0);
    expect(load.errors).toEqual([]);
    expect(await redis.client("ID")).toBe(session);
  });

  test("one password at a time: the session goes on, and a connection that breaks comes back with the new one", async () => {
    const scene = await stage.begin("one_password");
    const redis = await scene.open();
    const load = startLoad(() => redis.incr("load"), 5);
    await scene.rotate("second-EXAMPLE");
    const before = await redis.client("ID");
    await load.stop();
    await stage.store.admin.client("KILL", "ID", before);
    expect(await redis.ping()).toBe("PONG");
    expect(await redis.client("ID")).not.toBe(before);
    expect(load.errors).toEqual([]);
  });

  test("alternating users: open sessions become the other user's, under load and without a new connection", async () => {
    const scene = await stage.begin("alternating");
    const redis = await scene.open();
    const sub = scene.keep(redis.duplicate());
    const heard: string[] = [];
    sub.on("message", (_channel, message) => heard.push(message));
    await sub.subscribe("orders");
    const session = await redis.client("ID");
    const load = startLoad(() => redis.incr("load"), 10);
    const drained = nextOf(redis, "drained");
    await scene.setUser("alternating_clone", ">clone-EXAMPLE");
    await scene.adopt(scene.stage("clone-EXAMPLE", "alternating_clone"));
    expect(await drained).toMatchObject([{ cutOff: 0 }]);
    await load.stop();
    expect(load.errors).toEqual([]);
    expect(await userOf(redis)).toBe("alternating_clone");
    // RESP3 lets one that has subscribed change its login too.
    expect(await userOf(sub)).toBe("alternating_clone");
    expect(await redis.client("ID")).toBe(session);
    await redis.publish("orders", "after");
    await vi.waitFor(() => expect(heard).toEqual(["after"]));
  });

  test("the old user is deleted right after: nothing fails, and subscriptions stand", async () => {
    const scene = await stage.begin("deleted");
    const redis = await scene.open();
    const sub = scene.keep(redis.duplicate({ protocol: 2 }));
    await sub.subscribe("orders");
    await scene.setUser("deleted_clone", ">clone-EXAMPLE");
    await scene.adopt(scene.stage("clone-EXAMPLE", "deleted_clone"));
    await vi.waitFor(async () => expect(await userOf(redis)).toBe("deleted_clone"));
    const resubscribed = nextOf(sub, "ready");
    await stage.store.acl("DELUSER", "deleted");
    await resubscribed;
    expect(await redis.get("none")).toBeNull();
    const heard: string[] = [];
    sub.on("message", (_channel, message) => heard.push(message));
    await vi.waitFor(async () => expect(await redis.publish("orders", "after")).toBe(1));
    await vi.waitFor(() => expect(heard).toContain("after"));
  });

  test("a session whose user is deleted before the secret changes waits for the new one", async () => {
    const scene = await stage.begin("too_early");
    const redis = await scene.open();
    await scene.setUser("too_early_clone", ">clone-EXAMPLE");
    const next = scene.stage("clone-EXAMPLE", "too_early_clone");
    const refused = nextOf(redis, "login-refused");
    await stage.store.acl("DELUSER", "too_early");
    const written = redis.set("too_early", "kept");
    await refused;
    scene.secret.promote(next);
    expect(await written).toBe("OK");
    expect(await userOf(redis)).toBe("too_early_clone");
  });

  test("a new credential that is refused changes nothing, and is told of", async () => {
    const scene = await stage.begin("rejected");
    const redis = await scene.open();
    const rejected = nextOf(redis, "rejected");
    const bad = scene.stage("wrong-EXAMPLE");
    await scene.announce(bad);
    expect(await rejected).toMatchObject([{ versionId: bad, reason: { code: "WRONGPASS" } }]);
    expect(await redis.ping()).toBe("PONG");
    expect(await redis.health()).toMatchObject({ status: "degraded" });
    await vi.waitFor(() => expect(scene.outcomesOf(bad)).toEqual(["rejected"]));
  });

  test.each([
    ["PING", ["-ping"], undefined, { code: "NOPERM" }],
    [
      "what the service asks for",
      ["-get"],
      (client: Redis) => client.get("orders"),
      { code: "CHECK_FAILED", message: expect.stringContaining("(NOPERM)") },
    ],
  ])("a user who may not do %s is rejected, and the old one stays", async (_what, rules, verify, reason) => {
    const scene = await stage.begin("may_all");
    const redis = await scene.open({ verify });
    const rejected = nextOf(redis, "rejected");
    await scene.setUser("may_less", "resetpass", ">clone-EXAMPLE", ...rules);
    const bad = scene.stage("clone-EXAMPLE", "may_less");
    await scene.announce(bad);
    expect(await rejected).toMatchObject([{ versionId: bad, reason }]);
    expect(await userOf(redis)).toBe("may_all");
  });

  test("a check of the service's own that fails is a rejection, told of and not tried over and over", async () => {
    const scene = await stage.begin("checked");
    const verdicts = ["good", "bad"];
    let checks = 0;
    const verify = async () => {
      checks += 1;
      if (verdicts.shift() === "bad") throw new Error("The orders are not to be seen");
    };
    const redis = await scene.open({ verify });
    const rejected = nextOf(redis, "rejected");
    const bad = scene.stage("clone-EXAMPLE", "checked_clone");
    await scene.setUser("checked_clone", ">clone-EXAMPLE");
    await scene.announce(bad);
    expect(await rejected).toMatchObject([{ versionId: bad, reason: { code: "CHECK_FAILED" } }]);
    await vi.waitFor(() => expect(scene.outcomesOf(bad)).toEqual(["rejected"]));
    expect(checks).toBe(2);
    expect(await userOf(redis)).toBe("checked");
  });

  test("a check whose connection is lost says nothing about the credential", async () => {
    const scene = await stage.begin("check_lost");
    let checks = 0;
    const verify = async (client: Redis) => {
      checks += 1;
      if (checks === 2) await stage.store.admin.client("KILL", "ID", await client.client("ID"));
      if (checks === 2) await new Promise(() => undefined);
    };
    const redis = await scene.open({ verify, refreshIntervalMs: 100 });
    const next = scene.stage("clone-EXAMPLE", "check_lost_clone");
    await scene.setUser("check_lost_clone", ">clone-EXAMPLE");
    await scene.adopt(next);
    expect(checks).toBe(3);
    expect(await userOf(redis)).toBe("check_lost_clone");
  });

  test("events tell of a rotation from beginning to end, and health of what is in use", async () => {
    const scene = await stage.begin("events");
    const redis = await scene.open();
    expect(await redis.health()).toMatchObject({ status: "ok", channel: "up", lastRotatedAt: undefined });
    const heard: string[] = [];
    for (const event of ["rotation-detected", "swapped", "drained"] as const) {
      redis.on(event, () => heard.push(event));
    }
    const versionId = await rotate(scene, "second-EXAMPLE");
    await vi.waitFor(() => expect(heard).toEqual(["rotation-detected", "swapped", "drained"]));
    expect(await redis.health()).toMatchObject({
      status: "ok",
      versionId,
      lastRotatedAt: expect.any(Date),
    });
  });

  test("a start in the middle of a rotation waits for the version that logs in", async () => {
    const scene = await stage.begin("mid_rotation");
    const next = await scene.changePassword("second-EXAMPLE");
    const refusedBefore = await stage.store.refusedLogins();
    const opening = scene.open();
    await vi.waitFor(async () => expect(await stage.store.refusedLogins()).toBe(refusedBefore + 1));
    scene.secret.promote(next);
    expect(await (await opening).ping()).toBe("PONG");
  });

  test("a start without a credential that works is refused with the store's own error as cause", async () => {
    const scene = await stage.begin("never");
    await scene.setUser(scene.user, "resetpass");
    await expect(scene.open({ authWaitMs: 200 })).rejects.toMatchObject({
      code: "CREDENTIAL_REJECTED",
      cause: { code: "WRONGPASS" },
    });
  });

  test("a password alone, as with ElastiCache's AUTH token, logs in the default user", async () => {
    const scene = await stage.begin("token_only");
    await stage.store.acl("SETUSER", "default", "resetpass", ">first-token-EXAMPLE");
    try {
      const auth = (auth_token: string) =>
        scene.secret.stage({ auth_token, host: "127.0.0.1", port: stage.store.port });
      scene.secret.promote(auth("first-token-EXAMPLE"));
      const redis = await scene.open();
      const next = auth("second-token-EXAMPLE");
      await stage.store.acl("SETUSER", "default", ">second-token-EXAMPLE");
      await scene.adopt(next);
      await stage.store.acl("SETUSER", "default", "<first-token-EXAMPLE");
      const session = await redis.client("ID");
      await stage.store.admin.client("KILL", "ID", session);
      await vi.waitFor(async () => expect(await redis.client("ID")).not.toBe(session));
      expect(await userOf(redis)).toBe("default");
    } finally {
      await stage.store.acl("SETUSER", "default", "resetpass", "nopass");
    }
  });
});
