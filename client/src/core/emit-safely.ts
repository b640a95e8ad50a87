import type { EventEmitter } from "node:events";
import { describeError } from "./describe-error.ts";
import type { Logger } from "./logger.ts";

/**
 * Emits to every listener, whatever the others do. A listener's fault, thrown or rejected, is the application's: it is
 * logged, and stops nothing.
 */
export function emitSafely(
  emitter: Pick<EventEmitter, "rawListeners">,
  name: string,
  event: unknown,
  logger: Logger,
): void {
  for (const listener of emitter.rawListeners(name)) {
    new Promise((resolve) => resolve(Reflect.apply(listener, emitter, [event]))).catch((error) =>
      logger.error({ event: name, ...describeError(error) }, "A listener has failed"),
    );
  }
}
