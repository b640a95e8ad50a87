import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createBackoff, pause } from "../../../../client/src/core/backoff.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([
  ["at most", 1, [50, 100, 200, 300, 300]],
  ["at least", 0, [25, 50, 100, 150, 150]],
])("doubles up to the cap, %s so much", (_bound, random, delays) => {
  const backoff = createBackoff({ firstMs: 50, capMs: 300 }, () => random);
  expect(delays.map(() => backoff.next())).toEqual(delays);
  backoff.reset();
  expect(backoff.next()).toBe(delays[0]);
});

test("with full jitter a delay may be anything from nothing to its ceiling", () => {
  const chances = [0, 1, 0.5, 0];
  const backoff = createBackoff({ firstMs: 50, capMs: 300, jitter: "full" }, () => chances.shift() ?? 0);
  expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([0, 100, 100, 0]);
});

test("a pause ends early when it is aborted, and leaves no timer", async () => {
  const abort = new AbortController();
  const paused = pause(1_000, abort.signal);
  abort.abort();
  await paused;
  await pause(1_000, abort.signal);
  expect(vi.getTimerCount()).toBe(0);
});
