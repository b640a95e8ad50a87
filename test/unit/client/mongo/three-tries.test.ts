import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { threeTries } from "../../../../client/src/mongo/three-tries.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const away = new Error("away");
const never = () => false;

test("tries three times, up to one and two seconds apart, and gives the last error", async () => {
  const at: number[] = [];
  const startedAt = Date.now();
  const attempt = vi.fn(async () => {
    at.push(Date.now() - startedAt);
    throw away;
  });
  const tried = expect(
    threeTries(attempt, { isFinal: never, stopped: new AbortController().signal }),
  ).rejects;
  await Promise.all([tried.toBe(away), vi.runAllTimersAsync()]);
  const [first = -1, second = -1, third = -1] = at;
  expect(at).toHaveLength(3);
  expect(first).toBe(0);
  expect(second).toBeGreaterThanOrEqual(500);
  expect(second).toBeLessThanOrEqual(1_000);
  expect(third - second).toBeGreaterThanOrEqual(1_000);
  expect(third - second).toBeLessThanOrEqual(2_000);
});

test("is content with the first answer", async () => {
  const attempt = vi.fn().mockRejectedValueOnce(away).mockResolvedValue(undefined);
  await Promise.all([
    threeTries(attempt, { isFinal: never, stopped: new AbortController().signal }),
    vi.runAllTimersAsync(),
  ]);
  expect(attempt).toHaveBeenCalledTimes(2);
});

test("does not try again what was refused", async () => {
  const attempt = vi.fn().mockRejectedValue(away);
  const { signal } = new AbortController();
  await expect(threeTries(attempt, { isFinal: () => true, stopped: signal })).rejects.toBe(away);
  expect(attempt).toHaveBeenCalledTimes(1);
});

test("waits for no other try once it was stopped", async () => {
  const stop = new AbortController();
  const attempt = vi.fn(async () => {
    stop.abort();
    throw away;
  });
  await expect(threeTries(attempt, { isFinal: never, stopped: stop.signal })).rejects.toBe(away);
  expect(attempt).toHaveBeenCalledTimes(1);
});
