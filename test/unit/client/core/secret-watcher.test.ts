import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DependencyError } from "../../../../shared/contract/errors.ts";
import { noticeFor, refusal, setUp } from "./watched-secret.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a notice", () => {
  test("makes the version that it names the one in use, and its times go into the report", async () => {
    const { secrets, resource, watcher, attempts, settle } = await setUp();
    secrets.promote("v2");
    const notice = noticeFor("v2");
    watcher.notice(notice);
    await settle();
    expect(resource.versionId).toBe("v2");
    expect(secrets.reads).toEqual(["v2"]);
    expect(attempts).toEqual([expect.objectContaining({ trigger: "notice", notice })]);
  });

  test("for the version in use costs nothing", async () => {
    const { secrets, watcher, settle } = await setUp();
    watcher.notice(noticeFor("v1"));
    await settle();
    expect(secrets.reads).toEqual([]);
  });

  test("that comes twice swaps once", async () => {
    const { secrets, watcher, tried, settle } = await setUp();
    secrets.promote("v2");
    watcher.notice(noticeFor("v2"));
    watcher.notice(noticeFor("v2"));
    await settle();
    expect(tried).toEqual(["v2"]);
    expect(secrets.reads).toEqual(["v2"]);
  });

  test("that is ahead of what reads show is followed as soon as they show it", async () => {
    const { secrets, resource, watcher } = await setUp();
    watcher.notice(noticeFor("v2"));
    await vi.advanceTimersByTimeAsync(500);
    secrets.labels.set("v2", ["AWSPENDING"]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(resource.versionId).toBe("v1");
    secrets.promote("v2");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(resource.versionId).toBe("v2");
  });

  test("for a version that never comes is given up", async () => {
    const { secrets, resource, watcher } = await setUp();
    watcher.notice(noticeFor("forged"));
    await vi.advanceTimersByTimeAsync(140_000);
    const { length } = secrets.reads;
    expect(length).toBeLessThan(100);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(secrets.reads).toHaveLength(length);
    expect(watcher.failure).toBeUndefined();
    expect(resource.versionId).toBe("v1");
  });

  test("is followed however long reads are behind it, within two minutes", async () => {
    const { secrets, resource, watcher } = await setUp();
    watcher.notice(noticeFor("v2"));
    await vi.advanceTimersByTimeAsync(60_000);
    secrets.promote("v2");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(resource.versionId).toBe("v2");
  });

  test("that takes the label back while another version is tried is not lost", async () => {
    const { secrets, resource, watcher, settle } = await setUp();
    const login = Promise.withResolvers<void>();
    resource.hold = login.promise;
    secrets.promote("v2");
    watcher.notice(noticeFor("v2"));
    await settle();
    secrets.promote("v1");
    watcher.notice(noticeFor("v1"));
    login.resolve();
    await settle();
    expect(resource.versionId).toBe("v1");
  });

  test("for the version in use ends what was wrong with a newer one", async () => {
    const { secrets, resource, watcher, settle } = await setUp();
    resource.bad.add("v2");
    secrets.promote("v2");
    watcher.notice(noticeFor("v2"));
    await settle();
    expect(watcher.failure).toBeDefined();
    secrets.promote("v1");
    watcher.notice(noticeFor("v1"));
    await settle();
    expect(watcher.failure).toBeUndefined();
  });

  test("for a superseded version leads to the one that is current", async () => {
    const { secrets, watcher, tried, attempts, settle } = await setUp();
    secrets.promote("v2");
    secrets.promote("v3");
    watcher.notice(noticeFor("v2"));
    await settle();
    expect(tried).toEqual(["v3"]);
    expect(attempts[0]?.notice).toBeUndefined();
  });

  test("that is late changes nothing", async () => {
    const { secrets, resource, watcher, tried, settle } = await setUp();
    secrets.promote("v2");
    watcher.notice(noticeFor("v2"));
    await settle();
    await vi.advanceTimersByTimeAsync(60_000);
    watcher.notice(noticeFor("v1"));
    await settle();
    expect(tried).toEqual(["v2"]);
    expect(resource.versionId).toBe("v2");
  });
});

test("a version that is superseded while it is prepared is dropped for the next one", async () => {
  const { secrets, resource, watcher, attempts, settle } = await setUp();
  const login = Promise.withResolvers<void>();
  resource.hold = login.promise;
  secrets.promote("v2");
  watcher.notice(noticeFor("v2"));
  await settle();
  secrets.promote("v3");
  watcher.notice(noticeFor("v3"));
  login.resolve();
  await settle();
  expect(attempts.map(({ version }) => version.versionId)).toEqual(["v3"]);
  expect(resource.versionId).toBe("v3");
});

test("a forged notice during the preparation does not stop a good version", async () => {
  const { secrets, resource, watcher, tried, settle } = await setUp();
  const login = Promise.withResolvers<void>();
  resource.hold = login.promise;
  secrets.promote("v2");
  watcher.notice(noticeFor("v2"));
  await settle();
  watcher.notice(noticeFor("forged"));
  login.resolve();
  await settle();
  expect(tried).toEqual(["v2"]);
  expect(resource.versionId).toBe("v2");
});

describe("a refused version", () => {
  test("is told once, left alone for a while, and tried again later", async () => {
    const { secrets, resource, watcher, tried, attempts, settle } = await setUp();
    resource.bad.add("v2");
    secrets.promote("v2");
    watcher.notice(noticeFor("v2"));
    await settle();
    for (let n = 0; n < 10; n += 1) {
      await watcher.look("login-failure");
      watcher.notice(noticeFor("v2"));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(tried).toEqual(["v2"]);
    expect(attempts).toEqual([expect.objectContaining({ refusal, trigger: "notice" })]);
    await vi.advanceTimersByTimeAsync(2_000);
    resource.bad.delete("v2");
    await watcher.look("poll");
    expect(resource.versionId).toBe("v2");
  });

  test("is not told where the next one has already taken its place", async () => {
    const { secrets, resource, watcher, attempts, settle } = await setUp();
    const login = Promise.withResolvers<void>();
    resource.hold = login.promise;
    resource.bad.add("v2");
    secrets.promote("v2");
    watcher.notice(noticeFor("v2"));
    await settle();
    secrets.promote("v3");
    login.resolve();
    await settle();
    expect(attempts.map(({ version, refusal: why }) => [version.versionId, why])).toEqual([
      ["v3", undefined],
    ]);
  });
});

describe("without a notice", () => {
  test("a read that fails is repeated with growing delays until it succeeds", async () => {
    const { secrets, resource, watcher } = await setUp();
    secrets.failure = new DependencyError("Secrets Manager is away");
    secrets.promote("v2");
    await watcher.look("poll");
    expect(watcher.failure?.error).toBe(secrets.failure);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(secrets.reads.length).toBeGreaterThan(4);
    expect(secrets.reads.length).toBeLessThan(12);
    secrets.failure = undefined;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(resource.versionId).toBe("v2");
  });

  test("a read that still shows the former version right after a swap does not lead back to it", async () => {
    const { secrets, resource, watcher, settle } = await setUp();
    secrets.promote("v2");
    watcher.notice(noticeFor("v2"));
    await settle();
    secrets.promote("v1");
    await watcher.look("login-failure");
    expect(resource.versionId).toBe("v2");
    secrets.promote("v2");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(resource.versionId).toBe("v2");
  });

  test("a rollback that lasts is followed", async () => {
    const { secrets, resource, watcher, settle } = await setUp();
    secrets.promote("v2");
    watcher.notice(noticeFor("v2"));
    await settle();
    secrets.promote("v1");
    await watcher.look("poll");
    await vi.advanceTimersByTimeAsync(30_000);
    expect(resource.versionId).toBe("v1");
  });
});

test("refused logins that come by the thousand read now and then", async () => {
  const { secrets, watcher } = await setUp();
  for (let ms = 0; ms < 2_000; ms += 1) {
    void watcher.look("login-failure");
    await vi.advanceTimersByTimeAsync(1);
  }
  expect(secrets.reads.length).toBeLessThan(12);
  expect(secrets.reads.length).toBeGreaterThan(2);
});

test("a hint that comes as a look ends is looked at", async () => {
  const { secrets, watcher, settle } = await setUp();
  const look = watcher.look("poll");
  for (let n = 0; n < 20; n += 1) {
    await Promise.resolve();
    const before = secrets.reads.length;
    await watcher.look("poll");
    expect(secrets.reads.length).toBeGreaterThan(before);
  }
  await look;
  await settle();
});
