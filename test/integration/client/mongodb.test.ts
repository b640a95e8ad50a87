import { inspect } from "node:util";
import type { MongoClient } from "mongodb";
import { describe, expect, test, vi } from "vitest";
import { CredentialRejectedError, UnusableSecretError } from "../../../client/src/mongodb.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";
import { startLoad } from "./load.ts";
import { setUpMongo, userOf } from "./mongodb-scene.ts";

const { begin } = setUpMongo();

const failed = (message: string, code: number) => Object.assign(new Error(message), { code });
const ascending = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);

describe("a rotation", () => {
  test("moves over to the new password, and reports it", async () => {
    const scene = await begin("normal");
    const holder = await scene.open();
    const swapped = vi.fn();
    holder.on("swapped", swapped);
    const before = holder.getClient();
    const versionId = await scene.rotate("second-EXAMPLE");
    expect(holder.getClient()).not.toBe(before);
    expect(swapped).toHaveBeenCalledWith(expect.objectContaining({ versionId, trigger: "notice" }));
    expect(await userOf(holder)).toBe("normal");
    expect(await holder.health()).toMatchObject({ status: "ok", versionId, channel: "up", source: "custom" });
  });

  test("of alternating users fails no operation under load, and inserts nothing twice", async () => {
    const scene = await begin("alternating");
    const holder = await scene.open({ maxPoolSize: 5 });
    const orders = () => holder.getDatabase("shop").collection("orders");
    const confirmed: number[] = [];
    const load = startLoad(async (n) => {
      await orders().insertOne({ alternating: n });
      confirmed.push(n);
    }, 10);
    await vi.waitFor(() => expect(load.done).toBeGreaterThan(100));
    const clone = await scene.stageClone();
    await scene.announce(clone.versionId);
    await vi.waitFor(async () => expect(await userOf(holder)).toBe(clone.user));
    const atSwap = load.done;
    await vi.waitFor(() => expect(load.done).toBeGreaterThan(atSwap + 100));
    await load.stop();
    expect(load.errors).toEqual([]);
    const sent = scene.store.inserted().flatMap(({ alternating }) => alternating ?? []);
    expect(ascending(sent)).toEqual(ascending(confirmed));
  });

  test("of a single user fails no operation of withClient, though new logins come before the new version", async () => {
    const scene = await begin("single");
    const holder = await scene.open();
    const confirmed: number[] = [];
    const insert = async (n: number) => {
      await holder.withClient((client) => client.db("shop").collection("orders").insertOne({ single: n }));
      confirmed.push(n);
    };
    const few = startLoad(insert, 1);
    await vi.waitFor(() => expect(few.done).toBeGreaterThan(10));
    const refusedBefore = scene.store.refusedLogins();
    const versionId = await scene.changePassword("second-EXAMPLE");
    const many = startLoad((n) => insert(-n), 10);
    await vi.waitFor(() => expect(scene.store.refusedLogins()).toBeGreaterThan(refusedBefore));
    await scene.adopt(versionId);
    const atSwap = many.done;
    await vi.waitFor(() => expect(many.done).toBeGreaterThan(atSwap + 100), { timeout: 20_000 });
    await Promise.all([few.stop(), many.stop()]);
    expect([...few.errors, ...many.errors]).toEqual([]);
    const sent = scene.store.inserted().flatMap(({ single }) => single ?? []);
    expect(ascending(sent)).toEqual(ascending(confirmed));
  });

  test("without a notice is found by the login that the driver makes by itself", async () => {
    const scene = await begin("no_notice");
    const holder = await scene.open();
    const refused = vi.fn();
    holder.on("login-refused", refused);
    const versionId = await scene.changePassword("second-EXAMPLE");
    scene.secret.promote(versionId);
    scene.store.killSessionsOf("no_notice");
    await vi.waitFor(async () => {
      await holder
        .getDatabase("shop")
        .command({ ping: 1 })
        .catch(() => undefined);
      expect(scene.outcomesOf(versionId)).toEqual(["swapped"]);
    });
    expect(scene.reports.at(-1)).toMatchObject({ versionId, trigger: "login-failure" });
    expect(refused).toHaveBeenCalled();
    expect(await userOf(holder)).toBe("no_notice");
  });
});

describe("a new credential", () => {
  test("that the store refuses leaves the old client serving, is tried once, and is reported", async () => {
    const scene = await begin("rejected");
    const logged: unknown[] = [];
    const log = (...line: unknown[]) => void logged.push(...line);
    const holder = await scene.open({ logger: { debug: log, info: log, warn: log, error: log } });
    const before = holder.getClient();
    const refusedBefore = scene.store.refusedLogins();
    const bad = scene.stage("wrong-EXAMPLE");
    await scene.announce(bad);
    await vi.waitFor(() => expect(scene.outcomesOf(bad)).toEqual(["rejected"]));
    expect(scene.reports.at(-1)?.reason).toEqual({
      code: "18",
      message: "The store refused user or password",
    });
    expect(holder.getClient()).toBe(before);
    expect(await userOf(holder)).toBe("rejected");
    expect(scene.store.refusedLogins() - refusedBefore).toBe(1);
    expect(await holder.health()).toMatchObject({ status: "degraded" });
    expect(logged).toContain("Credential was rejected; the old one stays in use");
    expect(inspect([logged, scene.reports, holder], { depth: 9 })).not.toContain("EXAMPLE");
  });

  test("that gets no answer to its ping in time leaves the old client serving, and is tried again", async () => {
    const scene = await begin("no_answer");
    const holder = await scene.open({ pingTimeoutMs: 100 });
    const clone = await scene.stageClone();
    scene.store.hold("ping");
    await scene.announce(clone.versionId);
    await vi.waitFor(() => expect(scene.store.held("ping")).toBe(2), { timeout: 5_000 });
    expect(await userOf(holder)).toBe("no_answer");
    scene.store.resume("ping");
    await vi.waitFor(async () => expect(await userOf(holder)).toBe(clone.user), { timeout: 5_000 });
  });

  test.each([
    ["an error of its own", "own_error", new Error("The orders cannot be read"), ""],
    ["what the store says", "own_unauthorized", failed("not authorized on shop", 13), " (13)"],
    ["a login that another store refuses", "own_other", failed("Authentication failed.", 18), " (18)"],
  ])(
    "whose check by the user fails with %s is rejected, once, and the old client serves",
    async (_what, name, error, code) => {
      const scene = await begin(name);
      const verify = vi.fn(async () => undefined as unknown);
      const holder = await scene.open({ verify });
      const { versionId } = await scene.stageClone();
      verify.mockRejectedValueOnce(error);
      const rejected = vi.fn();
      holder.on("rejected", rejected);
      await scene.announce(versionId);
      await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual(["rejected"]));
      const reason = { code: "CHECK_FAILED", message: `The check of the new credential failed${code}` };
      expect(rejected).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ versionId, reason }));
      // At the start, and of the new credential.
      expect(verify).toHaveBeenCalledTimes(2);
      expect(await userOf(holder)).toBe(name);

      await scene.rotate("third-EXAMPLE");
    },
  );

  test("whose connection is lost while the user checks it is not rejected, and is tried again", async () => {
    const scene = await begin("check_lost");
    const clone = await scene.stageClone();
    let tries = 0;
    const verify = async (client: MongoClient) => {
      tries += 1;
      if (tries !== 2) return;
      scene.store.hold("insert");
      const inserting = client.db("shop").collection("orders").insertOne({ lost: 1 });
      inserting.catch(() => undefined);
      await vi.waitFor(() => expect(scene.store.held("insert")).toBe(1));
      scene.store.killSessionsOf(clone.user);
      await inserting.finally(() => scene.store.resume("insert"));
    };
    const holder = await scene.open({ verify, retryWrites: false });
    await scene.announce(clone.versionId);
    await vi.waitFor(async () => expect(await userOf(holder)).toBe(clone.user), { timeout: 5_000 });
    expect(tries).toBe(3);
    expect(scene.outcomesOf(clone.versionId)).toEqual(["swapped"]);
  });

  test("logs in once for its check, and every concurrent call gets the same client", async () => {
    const scene = await begin("one_client");
    const holder = await scene.open();
    const clone = await scene.stageClone();
    await Promise.all(Array.from({ length: 5 }, () => scene.announce(clone.versionId)));
    await vi.waitFor(() => expect(scene.outcomesOf(clone.versionId)).toEqual(["swapped"]));
    expect(scene.store.acceptedLogins(clone.user)).toBe(1);
    const clients = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        n % 2 ? holder.getClient() : holder.withClient(async (client) => client),
      ),
    );
    expect(new Set(clients).size).toBe(1);
  });
});

describe("a start", () => {
  test("in the middle of a rotation waits for the version that logs in", async () => {
    const scene = await begin("mid_rotation");
    const refusedBefore = scene.store.refusedLogins();
    const versionId = await scene.changePassword("second-EXAMPLE");
    const opening = scene.open();
    await vi.waitFor(() => expect(scene.store.refusedLogins()).toBe(refusedBefore + 1));
    scene.secret.promote(versionId);
    const holder = await opening;
    expect(await userOf(holder)).toBe("mid_rotation");
  });

  test("fails with what the store said where nothing logs in for authWaitMs, and leaves no socket", async () => {
    const scene = await begin("no_start");
    await scene.changePassword("second-EXAMPLE");
    const error = await scene.open({ authWaitMs: 300 }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(CredentialRejectedError);
    expect(error.cause).toMatchObject({ code: 18 });
    await vi.waitFor(() => expect(scene.store.openSockets()).toBe(0));
  });

  test("fails at once where the secret is no MongoDB credential", async () => {
    const scene = await begin("unusable");
    const value = new Redacted(JSON.stringify({ engine: "postgres", username: "u", password: "EXAMPLE" }));
    const version = { ...(await scene.secret.readCurrent()), value };
    const secrets = { readCurrent: async () => version, readVersion: async () => version };
    await expect(scene.open({ secrets })).rejects.toThrow(UnusableSecretError);
  });
});

describe("health", () => {
  test("tells that the store does not answer within its timeout", async () => {
    const scene = await begin("health");
    const holder = await scene.open();
    scene.store.hold("ping");
    expect(await holder.health({ timeoutMs: 50 })).toMatchObject({
      status: "down",
      reason: expect.any(String),
    });
    scene.store.resume("ping");
    expect(await holder.health()).toMatchObject({ status: "ok" });
  });
});
