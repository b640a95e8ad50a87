import { DependencyError } from "../../../shared/contract/errors.ts";

export interface Deadline {
  readonly ms: number;
  /** Ends the wait before its time. */
  readonly stopped: AbortSignal;
  /** Who is to answer, for the error. */
  readonly who: string;
}

/**
 * Waits for an answer no longer than the deadline, whether or not the work heeds the signal that it is given.
 *
 * @throws DependencyError where nobody answered in time, or the wait was stopped; else what the work throws
 */
export async function withDeadline<T>(
  { ms, stopped, who }: Deadline,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const givenUp = new Promise<never>((_resolve, reject) => {
    abort.signal.addEventListener("abort", () => reject(abort.signal.reason), { once: true });
  });
  const timer = setTimeout(
    () => abort.abort(new DependencyError(`${who} did not answer within ${ms} ms`)),
    ms,
  );
  const stop = () => abort.abort(new DependencyError(`${who} was not waited for any more`));
  stopped.addEventListener("abort", stop);
  if (stopped.aborted) stop();
  try {
    return await Promise.race([givenUp, work(abort.signal)]);
  } finally {
    clearTimeout(timer);
    stopped.removeEventListener("abort", stop);
  }
}
