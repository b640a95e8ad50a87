export interface BackoffRange {
  readonly firstMs: number;
  readonly capMs: number;
  /** How much of the delay is left to chance: the upper half (the default), or all of it. */
  readonly jitter?: "half" | "full";
}

export interface Backoff {
  /** The next delay in milliseconds: doubles up to the cap, jittered. */
  next(): number;
  reset(): void;
}

export function createBackoff(
  { firstMs, capMs, jitter = "half" }: BackoffRange,
  random: () => number = Math.random,
): Backoff {
  let ceilingMs = firstMs;
  return {
    next() {
      const delayMs = ceilingMs * (jitter === "full" ? random() : 0.5 + random() / 2);
      ceilingMs = Math.min(capMs, ceilingMs * 2);
      return delayMs;
    },
    reset() {
      ceilingMs = firstMs;
    },
  };
}

/** Resolves after `ms`, or at once when the signal is aborted: whoever waits looks again in both cases. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal?.addEventListener("abort", wake);
  });
}
