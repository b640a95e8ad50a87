import { setTimeout as delay } from "node:timers/promises";

export interface TokenBucketOptions {
  /** How many may go at once after a pause. */
  readonly capacity: number;
  readonly refillPerSecond: number;
  /** Milliseconds from any origin. Default: a clock that never goes back. */
  readonly now?: () => number;
  readonly wait?: (ms: number) => Promise<unknown>;
}

export interface TokenBucket {
  /** Resolves when the caller may go, in the order of the calls. */
  take(): Promise<void>;
}

/**
 * A rate as AWS publishes it: a burst, and what is refilled each second.
 *
 * @example const updates = createTokenBucket({ capacity: 5, refillPerSecond: 1 }); await updates.take();
 */
export function createTokenBucket({
  capacity,
  refillPerSecond,
  now = () => performance.now(),
  wait = delay,
}: TokenBucketOptions): TokenBucket {
  let tokens = capacity;
  let countedAt = now();
  return {
    async take() {
      const at = now();
      tokens = Math.min(capacity, tokens + ((at - countedAt) * refillPerSecond) / 1_000);
      countedAt = at;
      // A token that is not there yet is taken in advance: whoever comes next waits for the one after it.
      tokens -= 1;
      if (tokens < 0) await wait((-tokens * 1_000) / refillPerSecond);
    },
  };
}
