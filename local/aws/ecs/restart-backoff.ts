export interface RestartBackoff {
  readonly mayStart: boolean;
  /** A task of the newest deployment ended on its own, after it served for `servedMs`. */
  taskFailed(servedMs: number): void;
  /** A new deployment gets a new chance. */
  reset(): void;
  stop(): void;
}

/** A task that served this long failed for a reason of its own, not because its deployment does not work. */
const LONG_SERVICE_MS = 10_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/** The first task that fails is replaced at once; then ever later, so that what cannot start does not spin. */
export function createRestartBackoff(now: () => number, onMayStart: () => void): RestartBackoff {
  let failuresInARow = 0;
  let heldBackUntil = 0;
  let timer: NodeJS.Timeout | undefined;
  return {
    get mayStart() {
      return now() >= heldBackUntil;
    },
    taskFailed(servedMs) {
      failuresInARow = servedMs >= LONG_SERVICE_MS ? 1 : failuresInARow + 1;
      if (failuresInARow === 1) return;
      const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failuresInARow - 2));
      heldBackUntil = now() + waitMs;
      clearTimeout(timer);
      timer = setTimeout(onMayStart, waitMs + 1);
    },
    reset() {
      failuresInARow = 0;
      heldBackUntil = 0;
    },
    stop: () => clearTimeout(timer),
  };
}
