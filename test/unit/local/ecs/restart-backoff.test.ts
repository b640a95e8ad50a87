import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createRestartBackoff } from "../../../../local/aws/ecs/restart-backoff.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function start() {
  const onMayStart = vi.fn();
  return { backoff: createRestartBackoff(Date.now, onMayStart), onMayStart };
}

test("replaces the first task that fails at once, and the next ones ever later", () => {
  const { backoff, onMayStart } = start();
  backoff.taskFailed(0);
  expect(backoff.mayStart).toBe(true);
  for (const waitMs of [500, 1_000, 2_000]) {
    onMayStart.mockClear();
    backoff.taskFailed(0);
    vi.advanceTimersByTime(waitMs - 1);
    expect(backoff.mayStart).toBe(false);
    vi.advanceTimersByTime(2);
    expect(backoff.mayStart).toBe(true);
    expect(onMayStart).toHaveBeenCalledOnce();
  }
});

test("waits at most 30 seconds", () => {
  const { backoff } = start();
  for (let failures = 0; failures < 20; failures += 1) backoff.taskFailed(0);
  vi.advanceTimersByTime(30_001);
  expect(backoff.mayStart).toBe(true);
});

test("forgets former failures after a task that served for long, and with a new deployment", () => {
  const { backoff } = start();
  backoff.taskFailed(0);
  backoff.taskFailed(0);
  backoff.reset();
  expect(backoff.mayStart).toBe(true);
  backoff.taskFailed(0);
  backoff.taskFailed(60_000);
  expect(backoff.mayStart).toBe(true);
});
