import { MongoClient, MongoNetworkError } from "mongodb";
import { afterEach, describe, expect, test, vi } from "vitest";
import { mongoAuthFailure } from "../../../shared/engines/mongodb.ts";
import { type MongoStandIn, startMongoStandIn } from "../../fakes/mongodb-server.ts";
import { setUpMongo, userOf } from "./mongodb-scene.ts";

const { begin } = setUpMongo();
const others: MongoStandIn[] = [];
afterEach(() => Promise.all(others.splice(0).map((store) => store.stop())));

describe("while old and new are both valid", () => {
  test("an operation whose new user is refused runs as the one before, and so do the next ones", async () => {
    const scene = await begin("refused_later");
    const holder = await scene.open();
    const clone = await scene.stageClone();
    await scene.announce(clone.versionId);
    await vi.waitFor(async () => expect(await userOf(holder)).toBe(clone.user));
    const orders = "orders_refused_later";
    scene.store.hold("find");
    const held = holder.withClient((client) => client.db("shop").collection(orders).findOne({}));
    await vi.waitFor(() => expect(scene.store.held("find")).toBe(1));
    scene.store.dropUser(clone.user);
    // The only connection is taken, so this takes a login.
    const run = vi.fn((client: MongoClient) => client.db("shop").collection(orders).insertOne({ later: 1 }));
    await holder.withClient(run);
    expect(run).toHaveBeenCalledTimes(2);
    scene.store.resume("find");
    await held;
    expect(await userOf(holder)).toBe("refused_later");
    expect(scene.store.inserted().flatMap(({ later }) => later ?? [])).toEqual([1]);
  });

  test("an operation that cannot reach the new host runs on the one before", async () => {
    const scene = await begin("new_host");
    const holder = await scene.open({ serverSelectionTimeoutMS: 300 });
    const elsewhere = await startMongoStandIn();
    const clone = { user: "new_host_clone", password: "clone-EXAMPLE" };
    elsewhere.setPassword(clone);
    const versionId = scene.stage(clone.password, clone.user, { port: elsewhere.port });
    await scene.announce(versionId);
    await vi.waitFor(async () => expect(await userOf(holder)).toBe(clone.user));
    await elsewhere.stop();
    const whoAmI = () => holder.withClient((client) => client.db("shop").collection("whoami").findOne({}));
    await vi.waitFor(async () => expect(await whoAmI()).toMatchObject({ user: "new_host" }), {
      timeout: 5_000,
    });
  });
});

test("the new client serves again as soon as a ping of it is answered, also on a connection that it has", async () => {
  const scene = await begin("back_again");
  const holder = await scene.open();
  const clone = await scene.stageClone();
  await scene.announce(clone.versionId);
  await vi.waitFor(async () => expect(await userOf(holder)).toBe(clone.user));
  const loginsBefore = scene.store.acceptedLogins(clone.user);
  const run = vi.fn(async (client: MongoClient) => client.db("shop").collection("whoami").findOne({}));
  run.mockRejectedValueOnce(new MongoNetworkError("No connection for a moment"));
  expect(await holder.withClient(run)).toMatchObject({ user: "back_again" });
  await vi.waitFor(async () => expect(await userOf(holder)).toBe(clone.user), { timeout: 5_000 });
  expect(scene.store.acceptedLogins(clone.user)).toBe(loginsBefore);
});

describe("withClient", () => {
  test("runs on the new client what the driver has queued behind a login that was refused, once", async () => {
    const scene = await begin("queued");
    const holder = await scene.open({ heartbeatFrequencyMS: 500 });
    scene.store.hold("find");
    const held = holder.withClient((client) => client.db("shop").collection("orders").findOne({}));
    await vi.waitFor(() => expect(scene.store.held("find")).toBe(1));
    const refusedBefore = scene.store.refusedLogins();
    const versionId = await scene.changePassword("second-EXAMPLE");
    const inserts = Array.from({ length: 8 }, (_, n) =>
      holder.withClient((client) => client.db("shop").collection("orders").insertOne({ queued: n })),
    );
    await vi.waitFor(() => expect(scene.store.refusedLogins()).toBeGreaterThan(refusedBefore));
    await scene.announce(versionId);
    await Promise.all(inserts);
    const sent = scene.store.inserted().flatMap(({ queued }) => queued ?? []);
    expect(sent.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    scene.store.resume("find");
    expect(await held).toMatchObject({ user: "queued" });
  });

  test("fails with the driver's own error where no credential works within authWaitMs", async () => {
    const scene = await begin("too_long");
    const holder = await scene.open({ authWaitMs: 300 });
    await scene.changePassword("second-EXAMPLE");
    scene.store.killSessionsOf("too_long");
    const run = vi.fn((client: MongoClient) => client.db().command({ ping: 1 }));
    await vi.waitFor(async () => {
      expect(await holder.withClient(run).catch((error) => error)).toMatchObject({ code: 18 });
    });
  });

  test("does not run again what has had a connection", async () => {
    const scene = await begin("had_connection");
    const holder = await scene.open();
    const run = vi.fn(async () => {
      const orders = holder.getDatabase("shop").collection("orders");
      await orders.insertOne({ had: 1 });
      const versionId = await scene.changePassword("second-EXAMPLE");
      scene.store.hold("find");
      const finding = orders.findOne({});
      await vi.waitFor(() => expect(scene.store.held("find")).toBe(1));
      // Its connection is taken, so this one needs a login. A credential that works comes right after.
      const inserting = orders.insertOne({ had: 2 }).finally(async () => {
        await scene.announce(versionId);
        scene.store.resume("find");
      });
      await Promise.all([inserting, finding.catch(() => undefined)]);
    });
    await expect(holder.withClient(run)).rejects.toMatchObject({ code: 18 });
    expect(run).toHaveBeenCalledTimes(1);
    expect(scene.store.inserted().flatMap(({ had }) => had ?? [])).toEqual([1]);
  });

  test("does not try again what fails for another reason", async () => {
    const scene = await begin("other_reason");
    const holder = await scene.open();
    const run = vi.fn(() => Promise.reject(new Error("out of stock")));
    await expect(holder.withClient(run)).rejects.toThrow("out of stock");
    expect(run).toHaveBeenCalledTimes(1);
  });

  test("takes no login that another store refuses for its own", async () => {
    const scene = await begin("another_store");
    const holder = await scene.open({ authWaitMs: 3_000 });
    const elsewhere = await startMongoStandIn();
    others.push(elsewhere);
    const refused = vi.fn();
    holder.on("login-refused", refused);
    const run = vi.fn(async () => {
      const url = `mongodb://nobody:wrong-EXAMPLE@127.0.0.1:${elsewhere.port}/`;
      await using other = new MongoClient(url);
      await other.db("shop").collection("orders").findOne({});
    });
    const foreign = await holder.withClient(run).catch((error) => error);
    expect(mongoAuthFailure(foreign)).toMatchObject({
      code: 18,
      errorLabels: expect.arrayContaining(["HandshakeError"]),
    });
    const plain = vi.fn(() => Promise.reject(Object.assign(new Error("refused elsewhere"), { code: 18 })));
    await expect(holder.withClient(plain)).rejects.toThrow("refused elsewhere");
    expect([run, plain].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
    expect(refused).not.toHaveBeenCalled();
    expect(await holder.withClient((client) => client.db().command({ ping: 1 }))).toMatchObject({ ok: 1 });
  });

  test("gives no more refused logins to the store than it may, while operations wait", async () => {
    const scene = await begin("few_logins");
    const holder = await scene.open({ maxLoginTries: 2, authWaitMs: 2_000 });
    await scene.changePassword("second-EXAMPLE");
    scene.store.killSessionsOf("few_logins");
    const find = () =>
      holder
        .withClient((client) => client.db("shop").collection("whoami").findOne({}))
        .catch((error) => error);
    await vi.waitFor(async () => expect(await find()).toMatchObject({ code: 18 }), { timeout: 10_000 });
    const refusedBefore = scene.store.refusedLogins();
    const errors = await Promise.all(Array.from({ length: 20 }, find));
    expect(errors.map(({ code }) => code)).toEqual(Array(20).fill(18));
    expect(scene.store.refusedLogins()).toBe(refusedBefore);
  });
});
