/** One request of an open loop. */
export interface Sample {
  /** When it was due, on the clock of `performance.now()`. */
  readonly dueAt: number;
  /** From then to the answer: what waited because the process was busy counts as waiting. */
  readonly latencyMs: number;
  readonly error?: unknown;
}

export interface OpenLoop {
  readonly samples: readonly Sample[];
  /**
   * Starts nothing more; resolves when all that was started has ended.
   *
   * @throws Error where so much was unanswered that the load was given up
   */
  stop(): Promise<void>;
}

/** Requests under way at which the load is given up, before memory is: the rate is more than the machine can carry. */
const TOO_MANY = 50_000;

/**
 * Starts requests at a fixed rate, whether or not earlier ones have been answered: a pool that stalls meets the same
 * load as one that does not. Node's timers fire once a millisecond, so requests come in small bunches.
 */
export function startOpenLoop(perSecond: number, request: () => Promise<void>): OpenLoop {
  const samples: Sample[] = [];
  const underWay = new Set<Promise<void>>();
  const startedAt = performance.now();
  let started = 0;
  let isGivenUp = false;

  async function run(dueAt: number): Promise<void> {
    try {
      await request();
      samples.push({ dueAt, latencyMs: performance.now() - dueAt });
    } catch (error) {
      samples.push({ dueAt, latencyMs: performance.now() - dueAt, error });
    }
  }

  const timer = setInterval(() => {
    if (underWay.size > TOO_MANY) {
      clearInterval(timer);
      isGivenUp = true;
    }
    const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond);
    for (; started < due; started += 1) {
      const running = run(startedAt + (started / perSecond) * 1000);
      underWay.add(running);
      void running.then(() => underWay.delete(running));
    }
  }, 1);

  return {
    samples,
    async stop() {
      clearInterval(timer);
      if (isGivenUp) throw new Error(`${perSecond.toFixed(0)} requests a second were not carried`);
      await Promise.all(underWay);
    },
  };
}
