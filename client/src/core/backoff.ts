export interface BackoffRange {
  readonly firstMs: number;
  readonly capMs: number;
}

export interface Backoff {
  /** The next delay in milliseconds: doubles up to the cap, jittered to between half and all of it. */
  next(): number;
  reset(): void;
}

export function createBackoff({ firstMs, capMs }: BackoffRange, random: () => number = Math.random): Backoff {
  let ceilingMs = firstMs;
  return {
    next() {
      const delayMs = ceilingMs * (0.5 + random() / 2);
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
