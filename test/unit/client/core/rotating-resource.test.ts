import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ResourceDriver, RotatingResource } from "../../../../client/src/core/rotating-resource.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

interface FakeStore {
  readonly name: string;
  inUse: number;
  state: "open" | "retired" | "closed";
  readonly login: PromiseWithResolvers<void>;
  readonly givenBack: PromiseWithResolvers<void>;
}

const refused = new Error("refused");
const unreachable = new Error("unreachable");
const yes = () => Promise.resolve(true);
const no = () => Promise.resolve(false);

function setUp() {
  const opened = new Map<string, FakeStore>();
  const driver: ResourceDriver<FakeStore> = {
    connect(secret) {
      const name = secret.reveal();
      if (name === "unusable") throw refused;
      const store: FakeStore = {
        name,
        inUse: 0,
        state: "open",
        login: Promise.withResolvers(),
        givenBack: Promise.withResolvers(),
      };
      opened.set(name, store);
      return store;
    },
    verify: (store) => store.login.promise,
    retire(store) {
      store.state = "retired";
      return store.givenBack.promise;
    },
    inUse: (store) => store.inUse,
    close(store) {
      store.state = "closed";
      store.login.reject(unreachable);
    },
    refusal: (error) => (error === refused ? { code: "28P01", message: "no" } : undefined),
  };
  const warnings: Array<{ fields: object; message: string }> = [];
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (fields: object, message: string) => warnings.push({ fields, message }),
  };
  const drainingAtSwap: string[][] = [];
  const resource: RotatingResource<FakeStore> = new RotatingResource({
    driver,
    drainTimeoutMs: 30_000,
    logger,
    onSwapped: () => drainingAtSwap.push(resource.draining.map(({ name }) => name)),
  });
  const store = (name: string) => {
    const found = opened.get(name);
    if (!found) throw new Error(`${name} was not opened`);
    return found;
  };
  const adopt = (name: string, isStillCurrent = yes) =>
    resource.adopt({ versionId: name, value: new Redacted(name) }, isStillCurrent);
  const adoptAndLogIn = (name: string) => {
    const adopted = adopt(name);
    store(name).login.resolve();
    return adopted;
  };
  return { resource, store, adopt, adoptAndLogIn, warnings, drainingAtSwap };
}

test("the new one takes over only after it has logged in", async () => {
  const { resource, store, adopt, adoptAndLogIn } = setUp();
  await adoptAndLogIn("v1");
  const adopted = adopt("v2");
  await vi.advanceTimersByTimeAsync(20);
  expect(resource.versionId).toBe("v1");
  store("v2").login.resolve();
  expect(await adopted).toEqual({ outcome: "swapped", verifyMs: 20 });
  expect(resource.versionId).toBe("v2");
  expect(store("v1").state).toBe("retired");
  expect(resource.draining).toEqual([store("v1")]);
});

test("whoever hears of the swap finds the old one among those that drain", async () => {
  const { adoptAndLogIn, drainingAtSwap } = setUp();
  await adoptAndLogIn("v1");
  await adoptAndLogIn("v2");
  expect(drainingAtSwap).toEqual([[], ["v1"]]);
});

describe("keeps the old one", () => {
  test.each([
    [
      "refuses the new credential",
      refused,
      { outcome: "rejected", refusal: { code: "28P01", message: "no" } },
    ],
    ["cannot be reached", unreachable, undefined],
  ])("when the store %s", async (_what, error, outcome) => {
    const { resource, store, adopt, adoptAndLogIn } = setUp();
    await adoptAndLogIn("v1");
    const adopted = adopt("v2");
    store("v2").login.reject(error);
    if (outcome) expect(await adopted).toMatchObject(outcome);
    else await expect(adopted).rejects.toBe(error);
    expect(store("v2").state).toBe("closed");
    expect(resource.current).toBe(store("v1"));
    expect(store("v1").state).toBe("open");
  });

  test("when the secret is no credential", async () => {
    const { resource, adopt, adoptAndLogIn } = setUp();
    await adoptAndLogIn("v1");
    expect(await adopt("unusable")).toMatchObject({ outcome: "rejected" });
    expect(resource.versionId).toBe("v1");
  });

  test("when the new version was superseded while it was being prepared", async () => {
    const { resource, store, adopt, adoptAndLogIn } = setUp();
    await adoptAndLogIn("v1");
    const adopted = adopt("v2", no);
    store("v2").login.resolve();
    expect(await adopted).toEqual({ outcome: "superseded" });
    expect(store("v2").state).toBe("closed");
    expect(resource.versionId).toBe("v1");
  });
});

describe("drain", () => {
  test("is over when the last connection is given back", async () => {
    const { resource, store, adoptAndLogIn, warnings } = setUp();
    await adoptAndLogIn("v1");
    await adoptAndLogIn("v2");
    store("v1").givenBack.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(resource.draining).toEqual([]);
    expect(store("v1").state).toBe("retired");
    expect(warnings).toEqual([]);
    // What is left is the time in which checkouts may fall back.
    await vi.advanceTimersByTimeAsync(30_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("closes at the deadline what is still held, and says how many", async () => {
    const { store, adoptAndLogIn, warnings } = setUp();
    await adoptAndLogIn("v1");
    store("v1").inUse = 2;
    await adoptAndLogIn("v2");
    await vi.advanceTimersByTimeAsync(29_999);
    expect(store("v1").state).toBe("retired");
    await vi.advanceTimersByTimeAsync(1);
    expect(store("v1").state).toBe("closed");
    expect(warnings).toEqual([
      {
        fields: expect.objectContaining({ versionId: "v1", inUse: 2, code: "DRAIN_TIMEOUT" }),
        message: "Drain deadline has passed",
      },
    ]);
  });
});

test("end drops a candidate, finishes the current one and waits for those that drain", async () => {
  const { resource, store, adopt, adoptAndLogIn } = setUp();
  await adoptAndLogIn("v1");
  await adoptAndLogIn("v2");
  const adopted = adopt("v3");
  const finished: string[] = [];
  let hasEnded = false;
  const ended = resource
    .end(async ({ name }) => void finished.push(name))
    .then(() => {
      hasEnded = true;
    });
  expect(await adopted).toEqual({ outcome: "superseded" });
  expect(store("v3").state).toBe("closed");
  expect(finished).toEqual(["v2"]);
  expect(hasEnded).toBe(false);
  store("v1").givenBack.resolve();
  await ended;
});
