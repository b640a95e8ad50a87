import { EventEmitter } from "node:events";
import type { Attempt } from "./attempt.ts";
import { emitSafely } from "./emit-safely.ts";
import type { Logger } from "./logger.ts";
import type { Refusal } from "./refusal.ts";
import type { Drain } from "./rotating-resource.ts";
import type { RotationDetected, RotationEvents } from "./rotation-events.ts";
import type { Detected } from "./secret-watcher.ts";

/** Tells of each step of a rotation: to the log, and to whoever listens. */
export class RotationNews {
  readonly events = new EventEmitter<RotationEvents>();
  readonly #emitters: Pick<EventEmitter, "rawListeners">[] = [this.events];
  readonly #secretId: string;
  readonly #logger: Logger;
  /** Where nothing had to be waited for, a version is drained before its successor was told of. */
  readonly #drained: Drain[] = [];
  #isSwapping = false;

  constructor(secretId: string, logger: Logger) {
    this.#secretId = secretId;
    this.#logger = logger;
  }

  /** Has another emitter emit all of it, too. */
  emitBy(emitter: Pick<EventEmitter, "rawListeners">): void {
    this.#emitters.push(emitter);
  }

  detected(detected: Detected): void {
    const event = this.#describe(detected);
    const { secretArn, versionId, trigger } = event;
    this.#logger.info({ secretArn, versionId, trigger }, "Rotation detected");
    this.#emit("rotation-detected", event);
  }

  /** The version took over; `swapped` tells of it with all that is known of it then. */
  swapping(): void {
    this.#isSwapping = true;
  }

  swapped(attempt: Attempt): void {
    this.#logger.info(fieldsOf(attempt), "Credential is in use");
    const { timings, former } = attempt;
    this.#emit("swapped", { ...this.#describe(attempt), timings, previousVersionId: former });
    this.#isSwapping = false;
    for (const drain of this.#drained.splice(0)) this.drained(drain);
  }

  rejected(attempt: Attempt, refusal: Refusal): void {
    const reason = { code: refusal.code, reason: refusal.message };
    this.#logger.warn(
      { ...fieldsOf(attempt), ...reason },
      "Credential was rejected; the old one stays in use",
    );
    this.#emit("rejected", { ...this.#describe(attempt), timings: attempt.timings, reason: refusal });
  }

  /** In the middle of a rotation a refusal is to be expected. */
  refusedAtStart(attempt: Attempt, refusal: Refusal): void {
    const reason = { code: refusal.code, reason: refusal.message };
    this.#logger.info({ ...fieldsOf(attempt), ...reason }, "Credential was refused; waiting for another one");
  }

  drained(drain: Drain): void {
    if (this.#isSwapping) this.#drained.push(drain);
    else this.#emit("drained", { secretId: this.#secretId, ...drain });
  }

  degraded(reason: string): void {
    this.#emit("degraded", { secretId: this.#secretId, reason });
  }

  recovered(): void {
    this.#emit("recovered", { secretId: this.#secretId });
  }

  loginRefused(): void {
    this.#emit("login-refused", { secretId: this.#secretId });
  }

  #describe({ version, trigger, notice }: Detected): RotationDetected {
    return {
      secretId: this.#secretId,
      secretArn: version.secretArn,
      versionId: version.versionId,
      trigger,
      ...(notice && { currentSince: notice.currentSince }),
      ...(notice?.traceparent !== undefined && { traceparent: notice.traceparent }),
    };
  }

  #emit<K extends keyof RotationEvents>(name: K, event: RotationEvents[K][0]): void {
    for (const emitter of this.#emitters) emitSafely(emitter, name, event, this.#logger);
  }
}

function fieldsOf({ version, trigger, timings }: Attempt): object {
  return { secretArn: version.secretArn, versionId: version.versionId, trigger, ...timings };
}
