import { describe, expect, test, vi } from "vitest";
import { KeyturnError } from "../../../client/src/mongodb.ts";
import { setUpMongo, userOf } from "./mongodb-scene.ts";

const { begin } = setUpMongo();

describe("the old client", () => {
  test("serves a collection that was kept, until the grace period ends", async () => {
    const scene = await begin("kept");
    const holder = await scene.open({ drainTimeoutMs: 1_500 });
    const drained = vi.fn();
    holder.on("drained", drained);
    const kept = holder.getDatabase("shop").collection("whoami");
    const first = scene.secret.currentVersionId;
    const clone = await scene.stageClone();
    await scene.announce(clone.versionId);
    await vi.waitFor(async () => expect(await userOf(holder)).toBe(clone.user));
    expect(await kept.findOne({})).toMatchObject({ user: "kept" });
    await vi.waitFor(() => expect(drained).toHaveBeenCalled(), { timeout: 5_000 });
    expect(drained).toHaveBeenCalledWith(expect.objectContaining({ versionId: first, cutOff: 0 }));
    await vi.waitFor(() => expect(scene.store.sessionsOf("kept")).toBe(0));
    await expect(kept.findOne({})).rejects.toThrow();
  });

  test("is closed as soon as the last callback has returned, where nobody can have kept it", async () => {
    const scene = await begin("callbacks");
    const holder = await scene.open();
    const { promise: waiting, resolve: goOn } = Promise.withResolvers<void>();
    const across = holder.withClient(async (client) => {
      await waiting;
      return client.db("shop").collection("whoami").findOne({});
    });
    const clone = await scene.stageClone();
    await scene.adopt(clone.versionId);
    expect(scene.store.sessionsOf("callbacks")).toBe(1);
    goOn();
    expect(await across).toMatchObject({ user: "callbacks" });
    await vi.waitFor(() => expect(scene.store.sessionsOf("callbacks")).toBe(0));
  });

  test("is closed at the end of the grace period with an operation under way, which fails", async () => {
    const scene = await begin("cut_off");
    const holder = await scene.open({ drainTimeoutMs: 300 });
    const drained = vi.fn();
    holder.on("drained", drained);
    scene.store.hold("find");
    const stuck = holder
      .withClient((client) => client.db("shop").collection("whoami").findOne({}))
      .catch((error) => error);
    await vi.waitFor(() => expect(scene.store.held("find")).toBe(1));
    const clone = await scene.stageClone();
    await scene.announce(clone.versionId);
    expect(await stuck).toBeInstanceOf(Error);
    expect(drained).toHaveBeenCalledWith(expect.objectContaining({ cutOff: 1 }));
    scene.store.resume("find");
    expect(await userOf(holder)).toBe(clone.user);
  });
});

describe("close()", () => {
  test("leaves no socket, also in the middle of a grace period, and may be called again", async () => {
    const scene = await begin("close");
    const holder = await scene.open({ drainTimeoutMs: 600_000 });
    holder.getClient();
    const clone = await scene.stageClone();
    await scene.announce(clone.versionId);
    await vi.waitFor(async () => expect(await userOf(holder)).toBe(clone.user));
    await Promise.all([holder.close(), holder.close()]);
    await vi.waitFor(() => expect(scene.store.openSockets()).toBe(0));
    expect(() => holder.getClient()).toThrow(KeyturnError);
    await expect(holder.withClient(async () => 1)).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
    expect(await holder.health()).toMatchObject({ status: "down" });
  });

  test("waits for a callback that began on the old client, and for nothing more", async () => {
    const scene = await begin("close_across");
    const holder = await scene.open({ drainTimeoutMs: 600_000 });
    scene.store.hold("find");
    const across = holder.withClient((client) => client.db("shop").collection("whoami").findOne({}));
    await vi.waitFor(() => expect(scene.store.held("find")).toBe(1));
    const clone = await scene.stageClone();
    await scene.adopt(clone.versionId);
    const closing = holder.close();
    scene.store.resume("find");
    expect(await across).toMatchObject({ user: "close_across" });
    await closing;
    await vi.waitFor(() => expect(scene.store.openSockets()).toBe(0));
  });

  test("does not wait for a candidate whose ping nobody answers", async () => {
    const scene = await begin("close_candidate");
    const holder = await scene.open();
    const clone = await scene.stageClone();
    scene.store.hold("ping");
    await scene.announce(clone.versionId);
    await vi.waitFor(() => expect(scene.store.held("ping")).toBe(1));
    await holder.close();
    scene.store.resume("ping");
    await vi.waitFor(() => expect(scene.store.openSockets()).toBe(0));
  });

  test("lets a callback return, and sends away one that waits for a credential", async () => {
    const scene = await begin("close_callbacks");
    const holder = await scene.open();
    scene.store.hold("find");
    const find = () => holder.withClient((client) => client.db("shop").collection("whoami").findOne({}));
    const underWay = find();
    await vi.waitFor(() => expect(scene.store.held("find")).toBe(1));
    await scene.changePassword("second-EXAMPLE");
    const refusedBefore = scene.store.refusedLogins();
    const waiting = find().catch((error) => error);
    await vi.waitFor(() => expect(scene.store.refusedLogins()).toBe(refusedBefore + 1));
    const closing = holder.close();
    expect(await waiting).toMatchObject({ code: "CLIENT_CLOSED" });
    scene.store.resume("find");
    expect(await underWay).toMatchObject({ user: "close_callbacks" });
    await closing;
    await vi.waitFor(() => expect(scene.store.openSockets()).toBe(0));
  });
});
