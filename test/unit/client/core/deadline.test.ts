import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { withDeadline } from "../../../../client/src/core/deadline.ts";
import { DependencyError } from "../../../../shared/contract/errors.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function deadline(stopped = new AbortController()) {
  return { ms: 5_000, stopped: stopped.signal, who: "The store" };
}

test("gives the answer, or the error, of what is in time, and leaves no timer", async () => {
  const away = new Error("away");
  await expect(withDeadline(deadline(), () => Promise.resolve(7))).resolves.toBe(7);
  await expect(withDeadline(deadline(), () => Promise.reject(away))).rejects.toBe(away);
  expect(vi.getTimerCount()).toBe(0);
});

test("gives up on what does not heed the signal", async () => {
  const signals: AbortSignal[] = [];
  const waiting = withDeadline(deadline(), (signal) => {
    signals.push(signal);
    return new Promise(() => {});
  });
  const givenUp = expect(waiting).rejects.toThrow(
    new DependencyError("The store did not answer within 5000 ms"),
  );
  await vi.advanceTimersByTimeAsync(5_000);
  await givenUp;
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

test.each(["before", "while"])("gives up where it is stopped %s it waits", async (moment) => {
  const stopped = new AbortController();
  if (moment === "before") stopped.abort();
  const waiting = withDeadline(deadline(stopped), () => new Promise(() => {}));
  stopped.abort();
  await expect(waiting).rejects.toBeInstanceOf(DependencyError);
  expect(vi.getTimerCount()).toBe(0);
});
