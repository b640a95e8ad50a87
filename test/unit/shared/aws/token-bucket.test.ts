import { expect, test } from "vitest";
import { createTokenBucket } from "../../../../shared/aws/token-bucket.ts";

/** A clock that a wait moves on. Those who wait at the same time each wait from now. */
function clockOf() {
  let nowMs = 0;
  const waits: number[] = [];
  return {
    waits,
    pass: (ms: number) => {
      nowMs += ms;
    },
    clock: { now: () => nowMs, wait: async (ms: number) => void waits.push(ms) },
  };
}

test("lets a burst pass, and then one at each refill", async () => {
  const { clock, waits } = clockOf();
  const bucket = createTokenBucket({ capacity: 2, refillPerSecond: 4, ...clock });
  await Promise.all(Array.from({ length: 5 }, () => bucket.take()));
  expect(waits).toEqual([250, 500, 750]);
});

test("fills up while nobody takes, and no further than its capacity", async () => {
  const { clock, waits, pass } = clockOf();
  const bucket = createTokenBucket({ capacity: 2, refillPerSecond: 4, ...clock });
  await Promise.all([bucket.take(), bucket.take(), bucket.take()]);
  pass(60_000);
  await Promise.all([bucket.take(), bucket.take(), bucket.take()]);
  expect(waits).toEqual([250, 250]);
});
