import { setTimeout as delay } from "node:timers/promises";

export interface PaceOptions {
  /** How many may begin in one second. */
  readonly perSecond: number;
  /** In milliseconds; for tests. */
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<unknown>;
}

/**
 * Spreads calls evenly, so that a quota that others need too is never used up in bursts.
 *
 * @returns a function to await before each call
 * @example const turn = createPace({ perSecond: 35 }); for (const arn of arns) { await turn(); await describe(arn); }
 */
export function createPace({ perSecond, now = () => performance.now(), sleep = delay }: PaceOptions) {
  const intervalMs = 1_000 / perSecond;
  let nextAt = Number.NEGATIVE_INFINITY;
  return async (): Promise<void> => {
    const at = Math.max(now(), nextAt);
    nextAt = at + intervalMs;
    const waitMs = at - now();
    if (waitMs > 0) await sleep(waitMs);
  };
}
