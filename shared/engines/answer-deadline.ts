import { setTimeout } from "node:timers/promises";

const GOODBYE_MS = 500;

/**
 * Gives a store so much time and no more: drivers bound the connect, and wait for ever for what comes after it.
 *
 * @param end cuts the connection, so that nothing of a login that took too long goes on
 * @throws what `ask` throws; an error with the code `NO_ANSWER` where the time is up
 */
export async function answeredWithin<T>(ms: number, ask: () => Promise<T>, end: () => void): Promise<T> {
  const answered = new AbortController();
  const timeUp = setTimeout(ms, undefined, { signal: answered.signal }).then(
    () => {
      end();
      throw Object.assign(new Error(`The store did not answer within ${ms} ms`), { code: "NO_ANSWER" });
    },
    // The answer came first.
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([ask(), timeUp]);
  } finally {
    answered.abort();
  }
}

/** Says goodbye, but does not wait long for a server that went silent meanwhile. */
export async function leave(goodbye: Promise<unknown>): Promise<void> {
  const said = goodbye.catch(() => undefined);
  await Promise.race([said, setTimeout(GOODBYE_MS, undefined, { ref: false })]);
}
