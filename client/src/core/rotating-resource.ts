import { DrainTimeoutError } from "../../../shared/contract/errors.ts";
import type { Redacted } from "../../../shared/engines/redacted.ts";
import { type Steps, untraced } from "../telemetry/steps.ts";
import { pause } from "./backoff.ts";
import { withDeadline } from "./deadline.ts";
import { describeError } from "./describe-error.ts";
import type { Logger } from "./logger.ts";
import type { Refusal } from "./refusal.ts";

/** A driver may have shorter limits of its own; these are for one that hangs. */
const VERIFY_TIMEOUT_MS = 30_000;
const WARM_UP_TIMEOUT_MS = 5_000;

/** What a store's driver adds: `T` holds all the connections that were made with one version of a secret. */
export interface ResourceDriver<T> {
  /** Prepares without logging in. @throws UnusableSecretError where the secret is no credential for this store */
  connect(secret: Redacted, versionId: string): T;
  /** One fresh login and one answer. @throws the store's error */
  verify(resource: T): Promise<void>;
  /**
   * Prepares a resource that was verified for the load of the one that it is to replace, so that the swap is neither
   * a storm of logins nor a wait for them. What it cannot do is left undone.
   */
  warmUp?(next: T, current: T): Promise<void>;
  /** Hands out nothing more, closes what is idle; resolves when everything has been given back and closed. */
  retire(resource: T): Promise<void>;
  /** Connections that somebody holds. */
  inUse(resource: T): number;
  /** Closes everything at once, held or not. */
  close(resource: T): void;
  /** Why the store will not have this credential; undefined where the error says nothing about it. */
  refusal(error: unknown): Refusal | undefined;
}

export interface Candidate {
  readonly versionId: string;
  readonly value: Redacted;
}

export type Adoption =
  | { readonly outcome: "swapped"; readonly verifyMs: number; readonly warmUpMs?: number }
  | { readonly outcome: "rejected"; readonly refusal: Refusal; readonly cause: unknown }
  | { readonly outcome: "superseded" };

export interface RotatingResourceOptions<T> {
  readonly driver: ResourceDriver<T>;
  readonly drainTimeoutMs: number;
  readonly logger: Logger;
  /** Called in the same tick as the swap; what was current is among those that drain by then. */
  readonly onSwapped?: (current: T, previous: T | undefined) => void;
  /** Nothing is open any more of a version that was in use. */
  readonly onDrained?: (drained: Drain) => void;
}

export interface Drain {
  readonly versionId: string;
  readonly drainMs: number;
  /** Held at the deadline, and closed. */
  readonly cutOff: number;
}

interface InUse<T> {
  readonly versionId: string;
  readonly value: Redacted;
  readonly resource: T;
}

/** The version that was in use before, for as long as checkouts may fall back to it. */
interface Former<T> {
  readonly versionId: string;
  readonly value: Redacted;
  readonly expiry: NodeJS.Timeout;
  /** Logs in anew: what was retired at the swap hands out nothing more. Made when it is asked for. */
  resource?: T;
}

/** Moves from one version of a secret to the next: prepare → verify → swap → drain. Keeps the old until the new has logged in. */
export class RotatingResource<T> {
  readonly #options: RotatingResourceOptions<T>;
  readonly #draining = new Map<T, Promise<void>>();
  #current: InUse<T> | undefined;
  #candidate: T | undefined;
  #former: Former<T> | undefined;
  readonly #stop = new AbortController();

  constructor(options: RotatingResourceOptions<T>) {
    this.#options = options;
  }

  get current(): T | undefined {
    return this.#current?.resource;
  }

  get versionId(): string | undefined {
    return this.#current?.versionId;
  }

  /** What there is of former versions: with connections that are still held, or fallen back to. */
  get draining(): readonly T[] {
    const fallback = this.#former?.resource;
    return fallback === undefined ? [...this.#draining.keys()] : [...this.#draining.keys(), fallback];
  }

  /** Connections of former versions that somebody holds. */
  get heldByRetired(): number {
    return this.draining.reduce((sum, resource) => sum + this.#options.driver.inUse(resource), 0);
  }

  /**
   * The version before, ready to log in again: for where the current one fails while the other may still be valid.
   * There for `drainTimeoutMs` after the swap, the time in which both are used anyway.
   */
  fallBack(): T | undefined {
    if (!this.#former || this.#hasEnded) return undefined;
    this.#former.resource ??= this.#options.driver.connect(this.#former.value, this.#former.versionId);
    return this.#former.resource;
  }

  /**
   * Logs in with the candidate and puts it in the place of the current version. One at a time.
   *
   * @param isStillCurrent asked after the login; a version that was superseded meanwhile is dropped
   * @param steps told of each step
   * @throws the store's error where it says nothing about the credential (out of reach, shutting down)
   */
  async adopt(
    candidate: Candidate,
    isStillCurrent: () => Promise<boolean>,
    steps: Steps = untraced,
  ): Promise<Adoption> {
    const { driver } = this.#options;
    const startedAt = performance.now();
    let resource: T | undefined;
    try {
      const made = driver.connect(candidate.value, candidate.versionId);
      resource = made;
      this.#candidate = made;
      const deadline = {
        ms: VERIFY_TIMEOUT_MS,
        stopped: this.#stop.signal,
        who: "The check of the credential",
      };
      await steps.step("verify", () => withDeadline(deadline, async () => driver.verify(made)));
      const verifyMs = performance.now() - startedAt;
      if (this.#hasEnded || !(await isStillCurrent()) || this.#hasEnded) {
        driver.close(resource);
        return { outcome: "superseded" };
      }
      const warmUpMs = await this.#warmUp(resource, steps);
      if (this.#hasEnded || (warmUpMs !== undefined && !(await isStillCurrent())) || this.#hasEnded) {
        driver.close(resource);
        return { outcome: "superseded" };
      }
      const next = { ...candidate, resource };
      steps.step("swap", () => this.#swap(next, steps));
      return { outcome: "swapped", verifyMs, ...(warmUpMs === undefined ? {} : { warmUpMs }) };
    } catch (error) {
      if (resource !== undefined) driver.close(resource);
      if (this.#hasEnded) return { outcome: "superseded" };
      const refusal = driver.refusal(error);
      if (!refusal) throw error;
      return { outcome: "rejected", refusal, cause: error };
    } finally {
      this.#candidate = undefined;
    }
  }

  get #hasEnded(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Drops a candidate, lets the current version finish what it holds, and waits for the retired ones. */
  async end(finish: (current: T) => Promise<void>): Promise<void> {
    this.#stop.abort();
    if (this.#candidate !== undefined) this.#options.driver.close(this.#candidate);
    this.#leaveFormer();
    await Promise.all([
      ...(this.#current ? [finish(this.#current.resource)] : []),
      ...this.#draining.values(),
    ]);
  }

  async #warmUp(next: T, steps: Steps): Promise<number | undefined> {
    const { driver } = this.#options;
    const current = this.#current?.resource;
    if (!driver.warmUp || current === undefined) return undefined;
    const startedAt = performance.now();
    const deadline = { ms: WARM_UP_TIMEOUT_MS, stopped: this.#stop.signal, who: "The warm-up" };
    await steps
      .step("warm-up", () => withDeadline(deadline, async () => driver.warmUp?.(next, current)))
      .catch(() => undefined);
    return performance.now() - startedAt;
  }

  #swap(next: InUse<T>, steps: Steps): void {
    const previous = this.#current;
    this.#current = next;
    this.#leaveFormer();
    if (previous) {
      this.#retire(previous.versionId, previous.resource, steps);
      const expiry = setTimeout(() => this.#leaveFormer(), this.#options.drainTimeoutMs);
      expiry.unref();
      this.#former = { versionId: previous.versionId, value: previous.value, expiry };
    }
    this.#options.onSwapped?.(next.resource, previous?.resource);
  }

  #leaveFormer(): void {
    const former = this.#former;
    if (!former) return;
    this.#former = undefined;
    clearTimeout(former.expiry);
    if (former.resource !== undefined) this.#retire(former.versionId, former.resource);
  }

  #retire(versionId: string, resource: T, steps: Steps = untraced): void {
    const drained = steps
      .step("drain", () => this.#drain(versionId, resource))
      .finally(() => this.#draining.delete(resource));
    this.#draining.set(resource, drained);
  }

  async #drain(versionId: string, resource: T): Promise<void> {
    const { driver, drainTimeoutMs, logger, onDrained } = this.#options;
    let cutOff = 0;
    const startedAt = performance.now();
    const givenBack = new AbortController();
    const retired = (async () => driver.retire(resource))();
    retired.catch((error) =>
      logger.error({ versionId, ...describeError(error) }, "Retired pool did not close"),
    );
    void retired.catch(() => undefined).finally(() => givenBack.abort());
    await pause(drainTimeoutMs, givenBack.signal);
    if (!givenBack.signal.aborted) {
      cutOff = driver.inUse(resource);
      const { code, message } = new DrainTimeoutError(
        `${cutOff} connections of a retired credential were in use for ${drainTimeoutMs} ms after the swap and were closed`,
      );
      logger.warn(
        { versionId, inUse: cutOff, drainTimeoutMs, code, reason: message },
        "Drain deadline has passed",
      );
      driver.close(resource);
    }
    const drainMs = Math.round(performance.now() - startedAt);
    logger.info({ versionId, drainMs }, "Retired pool closed");
    onDrained?.({ versionId, drainMs, cutOff });
  }
}
