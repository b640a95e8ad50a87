import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Login, LoginBudget, LoginGate, LoginPaused } from "../../../../client/src/core/login-gate.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const refused = new Error("password authentication failed");
const unreachable = new Error("connect ECONNREFUSED");

/** A gate whose logins are under way until the test answers for the store. */
function setUp(maxTries = 5) {
  const budget = new LoginBudget(maxTries);
  const onReopened = vi.fn();
  const gate = new LoginGate({ budget, isAuthFailure: (error) => error === refused, onReopened });
  const begun: Login[] = [];
  const atTheStore: Array<PromiseWithResolvers<string>> = [];
  const results: unknown[] = [];
  /** A login that asks to send its password at once. */
  const login = async () => {
    try {
      const own = gate.begin();
      begun.push(own);
      const result = await logIn(own).catch((error) => {
        throw own.failed(error);
      });
      own.succeeded();
      results.push(result);
    } catch (error) {
      results.push(error);
    }
  };
  const logIn = async (own: Login) => {
    await own.mayGoOn();
    const answer = Promise.withResolvers<string>();
    atTheStore.push(answer);
    return answer.promise;
  };
  const settle = () => vi.advanceTimersByTimeAsync(0);
  const store = (index: number) => {
    const answer = atTheStore[index];
    if (!answer) throw new Error(`No login ${index} reached the store`);
    return answer;
  };
  return { budget, gate, onReopened, begun, atTheStore, results, login, settle, store };
}

describe("while nothing is known against the credential", () => {
  test("half of the budget may be under way, the others follow one by one", async () => {
    const { login, atTheStore, settle, store, results } = setUp(5);
    for (let n = 0; n < 10; n += 1) void login();
    await settle();
    expect(atTheStore).toHaveLength(3);
    store(0).resolve("session");
    await settle();
    expect(atTheStore).toHaveLength(4);
    expect(results).toEqual(["session"]);
  });

  test("a store out of reach says nothing about the credential", async () => {
    const { login, settle, store, results, gate } = setUp();
    void login();
    await settle();
    store(0).reject(unreachable);
    await settle();
    expect(results).toEqual([unreachable]);
    expect(gate.isSuspect).toBe(false);
  });

  test("one login at a time is let through, whatever was spent before", async () => {
    const { budget, login, settle, atTheStore } = setUp(2);
    budget.recordRefusal();
    budget.recordRefusal();
    void login();
    void login();
    await settle();
    expect(atTheStore).toHaveLength(1);
  });
});

describe("a place at the store", () => {
  test("is not taken by a login that is still connecting", async () => {
    const { gate, login, settle, atTheStore } = setUp(5);
    for (let n = 0; n < 10; n += 1) gate.begin();
    void login();
    await settle();
    expect(atTheStore).toHaveLength(1);
  });

  test("is free again where the store has not answered for ten seconds, and its answer still counts", async () => {
    const { gate, login, settle, atTheStore, store } = setUp(1);
    void login();
    void login();
    await vi.advanceTimersByTimeAsync(9_999);
    expect(atTheStore).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(atTheStore).toHaveLength(2);
    store(0).reject(refused);
    await settle();
    expect(gate.isSuspect).toBe(true);
  });

  test("goes to nobody who has failed while it waited", async () => {
    const { login, settle, atTheStore, store, begun } = setUp(1);
    for (let n = 0; n < 3; n += 1) void login();
    await settle();
    begun[1]?.failed(unreachable);
    store(0).resolve("session");
    await settle();
    expect(atTheStore).toHaveLength(2);
    store(1).resolve("session of the third");
    await settle();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("after a refusal", () => {
  test("whoever waits is turned away with the refusal as the cause, and so is whoever comes", async () => {
    const { login, settle, store, results, gate } = setUp(1);
    void login();
    void login();
    await settle();
    store(0).reject(refused);
    await settle();
    void login();
    await settle();
    expect(gate.isSuspect).toBe(true);
    expect(results).toHaveLength(3);
    for (const result of results) {
      expect(result).toBeInstanceOf(LoginPaused);
      expect(result).toHaveProperty("cause", refused);
    }
  });

  test("a login on its way does not send the password any more", async () => {
    const { gate, login, settle, store } = setUp();
    const connecting = gate.begin();
    void login();
    await settle();
    store(0).reject(refused);
    await settle();
    await expect(connecting.mayGoOn()).rejects.toBeInstanceOf(LoginPaused);
  });

  test("one that was let through in the same moment does not send it either", async () => {
    const { gate } = setUp(1);
    const first = gate.begin();
    await first.mayGoOn();
    const waiting = gate.begin().mayGoOn();
    first.succeeded();
    gate.begin().failed(refused);
    await expect(waiting).rejects.toBeInstanceOf(LoginPaused);
  });

  test("a login from before it proves nothing", async () => {
    const { login, settle, store, gate, onReopened } = setUp();
    void login();
    void login();
    await settle();
    store(0).reject(refused);
    await settle();
    store(1).resolve("session");
    await settle();
    expect(gate.isSuspect).toBe(true);
    expect(onReopened).not.toHaveBeenCalled();
  });

  test("one try is let through when its time has come, and clears the credential if it succeeds", async () => {
    const { login, settle, store, atTheStore, gate, onReopened } = setUp(5);
    void login();
    await settle();
    store(0).reject(refused);
    await vi.advanceTimersByTimeAsync(11_999);
    expect(gate.admitsLogin).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    void login();
    void login();
    await settle();
    expect(atTheStore).toHaveLength(2);
    store(1).resolve("session");
    await settle();
    expect(onReopened).toHaveBeenCalledOnce();
    expect(gate.isSuspect).toBe(false);
  });

  test("no more than the budget is refused in any minute, however many come", async () => {
    const { login, settle, atTheStore } = setUp(5);
    const refusedAt: number[] = [];
    for (let at = 0; at < 300_000; at += 500) {
      for (let n = 0; n < 20; n += 1) void login();
      await settle();
      for (const answer of atTheStore.splice(0)) {
        answer.reject(refused);
        refusedAt.push(at);
      }
      await vi.advanceTimersByTimeAsync(500);
    }
    const worst = Math.max(
      ...refusedAt.map((from) => refusedAt.filter((at) => at >= from && at < from + 60_000).length),
    );
    expect(worst).toBeLessThanOrEqual(5);
    expect(refusedAt.length).toBeGreaterThan(10);
  });
});

test("a retired credential is not used any more, not even by a login on its way", async () => {
  const { login, settle, gate, results } = setUp(1);
  void login();
  void login();
  await settle();
  const connecting = gate.begin();
  gate.retire();
  void login();
  await settle();
  expect(results).toEqual([expect.any(LoginPaused), expect.any(LoginPaused)]);
  await expect(connecting.mayGoOn()).rejects.toBeInstanceOf(LoginPaused);
});
