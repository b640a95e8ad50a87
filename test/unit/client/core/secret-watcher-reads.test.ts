import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DependencyError } from "../../../../shared/contract/errors.ts";
import { noticeFor, refusal, setUp } from "./watched-secret.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("reads that disagree", () => {
  test("cost one login for each version that they show, however often", async () => {
    const { secrets, resource, watcher, tried, attempts } = await setUp();
    for (const versionId of ["v2", "v3"]) {
      secrets.labels.set(versionId, []);
      resource.bad.add(versionId);
    }
    for (let n = 0; n < 50; n += 1) {
      secrets.shown.push(n % 2 ? "v2" : "v3", n % 2 ? "v3" : "v2");
      await watcher.look("login-failure");
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(tried).toEqual(["v3", "v2"]);
    expect(attempts.length).toBeLessThanOrEqual(2);
    expect(watcher.failure?.refusal).toEqual(refusal);
  });

  test("do not make a refused version of one that is not current: it is told when a read shows it again", async () => {
    const { secrets, resource, watcher, tried, attempts } = await setUp();
    secrets.labels.set("v2", []);
    resource.bad.add("v2");
    secrets.shown.push("v2");
    await watcher.look("poll");
    expect(tried).toEqual(["v2"]);
    expect(attempts).toEqual([]);
    secrets.promote("v2");
    await watcher.look("poll");
    await watcher.look("poll");
    expect(tried).toEqual(["v2"]);
    expect(attempts).toEqual([expect.objectContaining({ refusal })]);
  });

  test("do not keep a version untold that its notice named", async () => {
    const { secrets, resource, watcher, attempts, settle } = await setUp();
    secrets.promote("v2");
    resource.bad.add("v2");
    secrets.shown.push("v1");
    watcher.notice(noticeFor("v2"));
    await settle();
    expect(attempts).toEqual([expect.objectContaining({ refusal, trigger: "notice" })]);
  });

  test("do not lead back to the version before where its notice comes once more", async () => {
    const { secrets, resource, watcher, tried, settle } = await setUp();
    const late = noticeFor("v1");
    await vi.advanceTimersByTimeAsync(100);
    secrets.promote("v2");
    watcher.notice(noticeFor("v2"));
    await settle();
    secrets.labels.set("v1", ["AWSCURRENT"]);
    secrets.shown.push("v2");
    watcher.notice(late);
    await settle();
    expect(tried).toEqual(["v2"]);
    expect(resource.versionId).toBe("v2");
  });

  test("do not keep a move back from being followed that a newer notice tells of", async () => {
    const { secrets, resource, watcher, settle } = await setUp();
    secrets.promote("v2");
    watcher.notice(noticeFor("v2"));
    await settle();
    await vi.advanceTimersByTimeAsync(100);
    secrets.promote("v1");
    watcher.notice(noticeFor("v1"));
    await settle();
    expect(resource.versionId).toBe("v1");
  });

  test("do not lead back to any of the versions that were left behind in the last seconds", async () => {
    const { secrets, resource, watcher, tried, settle } = await setUp();
    for (const versionId of ["v2", "v3"]) {
      secrets.promote(versionId);
      watcher.notice(noticeFor(versionId));
      await settle();
    }
    for (const stale of ["v1", "v2"]) {
      secrets.shown.push(stale);
      await watcher.look("poll");
    }
    expect(tried).toEqual(["v2", "v3"]);
    expect(resource.versionId).toBe("v3");
  });
});

describe("the budget of refused logins", () => {
  test("when spent, keeps a refused version waiting, but not a new one", async () => {
    const { secrets, budget, resource, watcher, tried } = await setUp();
    resource.bad.add("v2");
    secrets.promote("v2");
    await watcher.look("poll");
    budget.left = 0;
    await vi.advanceTimersByTimeAsync(60_000);
    await watcher.look("poll");
    expect(tried).toEqual(["v2"]);
    secrets.promote("v3");
    await watcher.look("poll");
    expect(resource.versionId).toBe("v3");
  });
});

describe("a read that never answers", () => {
  test("is given up, and what comes after it is followed", async () => {
    const { secrets, resource, watcher } = await setUp();
    secrets.promote("v2");
    secrets.hangsOnce = true;
    watcher.notice(noticeFor("v2"));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(resource.versionId).toBe("v1");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(resource.versionId).toBe("v2");
  });

  test("does not hold up the end", async () => {
    const { secrets, watcher, warnings } = await setUp();
    secrets.hangsOnce = true;
    const looked = watcher.look("poll");
    await watcher.stop();
    await looked;
    expect(warnings).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("an outage of the reads", () => {
  test("is not hastened by checkouts that wait, and is told of once", async () => {
    const { secrets, watcher, warnings } = await setUp();
    secrets.failure = new DependencyError("throttled");
    for (let at = 0; at < 10_000; at += 100) {
      void watcher.look("login-failure");
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(secrets.reads.length).toBeGreaterThan(4);
    expect(secrets.reads.length).toBeLessThan(10);
    expect(warnings).toEqual(["Refresh failed"]);
  });

  test("is told of again when it comes again", async () => {
    const { secrets, watcher, warnings } = await setUp();
    for (let n = 0; n < 2; n += 1) {
      secrets.failure = new DependencyError("throttled");
      await watcher.look("poll");
      secrets.failure = undefined;
      await watcher.look("poll");
    }
    expect(warnings).toEqual(["Refresh failed", "Refresh failed"]);
  });

  test("does not keep a notice waiting", async () => {
    const { secrets, resource, watcher, settle } = await setUp();
    secrets.failure = new DependencyError("throttled");
    await watcher.look("poll");
    secrets.failure = undefined;
    secrets.promote("v2");
    watcher.notice(noticeFor("v2"));
    await settle();
    expect(resource.versionId).toBe("v2");
  });
});
