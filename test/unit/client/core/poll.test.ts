import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Poll } from "../../../../client/src/core/poll.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("works once in each interval, at most a tenth earlier, and asks for the interval each time", async () => {
  let intervalMs = 1_000;
  let times = 0;
  const poll = new Poll(
    () => {
      times += 1;
    },
    () => intervalMs,
  );
  poll.restart();
  await vi.advanceTimersByTimeAsync(899);
  expect(times).toBe(0);
  intervalMs = 10_000;
  await vi.advanceTimersByTimeAsync(101);
  expect(times).toBe(1);
  await vi.advanceTimersByTimeAsync(8_800);
  expect(times).toBe(1);
  poll.stop();
  expect(vi.getTimerCount()).toBe(0);
});
