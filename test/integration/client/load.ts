import { setImmediate } from "node:timers/promises";

/** What has ended, or cannot be reached, would answer with errors for ever. */
const MOST_ERRORS = 1_000;

/**
 * Keeps so many calls under way until it is stopped; counts those that succeed, and keeps every error.
 *
 * @param call gets a number of its own, from 1 on
 */
export function startLoad(call: (n: number) => Promise<unknown>, workers: number) {
  const errors: unknown[] = [];
  let begun = 0;
  let done = 0;
  let isRunning = true;
  const work = async () => {
    while (isRunning && errors.length < MOST_ERRORS) {
      begun += 1;
      try {
        await call(begun);
        done += 1;
      } catch (error) {
        errors.push(error);
        // An error may come in the same tick, and nothing else would have its turn any more.
        await setImmediate();
      }
    }
  };
  const ended = Promise.all(Array.from({ length: workers }, work));
  return {
    errors,
    get done() {
      return done;
    },
    async stop() {
      isRunning = false;
      await ended;
    },
  };
}
