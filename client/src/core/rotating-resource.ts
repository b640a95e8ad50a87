import { DrainTimeoutError } from "../../../shared/contract/errors.ts";
import type { Redacted } from "../../../shared/engines/redacted.ts";
import { pause } from "./backoff.ts";
import type { Logger } from "./logger.ts";

/** What a store's driver adds: `T` holds all the connections that were made with one version of a secret. */
export interface ResourceDriver<T> {
  /** Prepares without logging in. @throws UnusableSecretError where the secret is no credential for this store */
  connect(secret: Redacted): T;
  /** One fresh login and one answer. @throws the store's error */
  verify(resource: T): Promise<void>;
  /** Hands out nothing more, closes what is idle; resolves when everything has been given back and closed. */
  retire(resource: T): Promise<void>;
  /** Connections that somebody holds. */
  inUse(resource: T): number;
  /** Closes everything at once, held or not. */
  close(resource: T): void;
  /** Why the store will not have this credential; undefined where the error says nothing about it. */
  refusal(error: unknown): Refusal | undefined;
}

/** Safe to log and to report. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

export interface Candidate {
  readonly versionId: string;
  readonly value: Redacted;
}

export type Adoption =
  | { readonly outcome: "swapped"; readonly verifyMs: number }
  | { readonly outcome: "rejected"; readonly refusal: Refusal; readonly cause: unknown }
  | { readonly outcome: "superseded" };

export interface RotatingResourceOptions<T> {
  readonly driver: ResourceDriver<T>;
  readonly drainTimeoutMs: number;
  readonly logger: Logger;
  /** Called in the same tick as the swap; what was current is among those that drain by then. */
  readonly onSwapped?: (current: T, previous: T | undefined) => void;
}

interface InUse<T> {
  readonly versionId: string;
  readonly resource: T;
}

/** Moves from one version of a secret to the next: prepare → verify → swap → drain. Keeps the old until the new has logged in. */
export class RotatingResource<T> {
  readonly #options: RotatingResourceOptions<T>;
  readonly #draining = new Map<T, Promise<void>>();
  #current: InUse<T> | undefined;
  #candidate: T | undefined;
  #ended = false;

  constructor(options: RotatingResourceOptions<T>) {
    this.#options = options;
  }

  get current(): T | undefined {
    return this.#current?.resource;
  }

  get versionId(): string | undefined {
    return this.#current?.versionId;
  }

  /** Retired versions with connections that are still held. */
  get draining(): readonly T[] {
    return [...this.#draining.keys()];
  }

  /**
   * Logs in with the candidate and puts it in the place of the current version. One at a time.
   *
   * @param isStillCurrent asked after the login; a version that was superseded meanwhile is dropped
   * @throws the store's error where it says nothing about the credential (out of reach, shutting down)
   */
  async adopt(candidate: Candidate, isStillCurrent: () => Promise<boolean>): Promise<Adoption> {
    const { driver } = this.#options;
    const startedAt = performance.now();
    let resource: T | undefined;
    try {
      resource = driver.connect(candidate.value);
      this.#candidate = resource;
      await driver.verify(resource);
      const verifyMs = performance.now() - startedAt;
      if (this.#ended || !(await isStillCurrent()) || this.#ended) {
        driver.close(resource);
        return { outcome: "superseded" };
      }
      this.#swap({ versionId: candidate.versionId, resource });
      return { outcome: "swapped", verifyMs };
    } catch (error) {
      if (resource !== undefined) driver.close(resource);
      if (this.#ended) return { outcome: "superseded" };
      const refusal = driver.refusal(error);
      if (!refusal) throw error;
      return { outcome: "rejected", refusal, cause: error };
    } finally {
      this.#candidate = undefined;
    }
  }

  /** Drops a candidate, lets the current version finish what it holds, and waits for the retired ones. */
  async end(finish: (current: T) => Promise<void>): Promise<void> {
    this.#ended = true;
    if (this.#candidate !== undefined) this.#options.driver.close(this.#candidate);
    await Promise.all([
      ...(this.#current ? [finish(this.#current.resource)] : []),
      ...this.#draining.values(),
    ]);
  }

  #swap(next: InUse<T>): void {
    const previous = this.#current;
    this.#current = next;
    if (previous) {
      const drained = this.#drain(previous).finally(() => this.#draining.delete(previous.resource));
      this.#draining.set(previous.resource, drained);
    }
    this.#options.onSwapped?.(next.resource, previous?.resource);
  }

  async #drain({ versionId, resource }: InUse<T>): Promise<void> {
    const { driver, drainTimeoutMs, logger } = this.#options;
    const startedAt = performance.now();
    const givenBack = new AbortController();
    void driver.retire(resource).finally(() => givenBack.abort());
    await pause(drainTimeoutMs, givenBack.signal);
    if (!givenBack.signal.aborted) {
      const inUse = driver.inUse(resource);
      const { code, message } = new DrainTimeoutError(
        `${inUse} connections of a retired credential were in use for ${drainTimeoutMs} ms after the swap and were closed`,
      );
      logger.warn({ versionId, inUse, drainTimeoutMs, code, reason: message }, "Drain deadline has passed");
      driver.close(resource);
    }
    logger.info({ versionId, drainMs: Math.round(performance.now() - startedAt) }, "Retired pool closed");
  }
}
