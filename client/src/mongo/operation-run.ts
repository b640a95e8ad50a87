import { AsyncLocalStorage } from "node:async_hooks";

interface Run {
  hadConnection: boolean;
}

const running = new AsyncLocalStorage<Run>();

export type Outcome<T> =
  | { readonly value: T }
  /** `wasSent`: something may have reached the store, so that it must not be run again. */
  | { readonly error: unknown; readonly wasSent: boolean };

/**
 * Runs operations of the driver, and tells of those that failed whether one of them has had a connection. The driver
 * gives a connection back in the asynchronous context of the operation that used it, whatever became of the operation;
 * so where none was given back, and none is still under way, nothing has reached the store.
 */
export async function runOperation<T>(operation: () => Promise<T>): Promise<Outcome<T>> {
  const outer = running.getStore();
  const run: Run = { hadConnection: false };
  try {
    return { value: await running.run(run, operation) };
  } catch (error) {
    return { error, wasSent: run.hadConnection };
  } finally {
    if (outer && run.hadConnection) outer.hadConnection = true;
  }
}

/** To be called in the tick in which the driver takes a connection back. */
export function connectionGivenBack(): void {
  const run = running.getStore();
  if (run) run.hadConnection = true;
}
