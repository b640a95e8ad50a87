import type { Attempt, Failure } from "./attempt.ts";

/** The part of a `LoginBudget` that says when a version may be tried again. */
export interface RetryBudget {
  /** Refusals that are still affordable. */
  readonly left: number;
  /** Time between two tries of the same version. */
  readonly retryAfterMs: number;
}

interface RefusedVersion {
  readonly at: number;
  readonly failure: Failure;
  untold: Attempt | undefined;
}

/**
 * Versions that the store has refused. Each version has one login, whatever the others have spent: a new one is what
 * everybody may be waiting for. Another one it has with time, and within the budget, however often it is read again.
 */
export class RefusedVersions {
  readonly #budget: RetryBudget;
  readonly #versions = new Map<string, RefusedVersion>();

  constructor(budget: RetryBudget) {
    this.#budget = budget;
  }

  record(key: string, attempt: Attempt, failure: Failure): void {
    this.#versions.set(key, { at: performance.now(), failure, untold: attempt });
  }

  mayTry(key: string): boolean {
    const refused = this.#versions.get(key);
    if (!refused) return true;
    return this.#budget.left > 0 && performance.now() - refused.at >= this.#budget.retryAfterMs;
  }

  failureOf(key: string): Failure | undefined {
    return this.#versions.get(key)?.failure;
  }

  /** The attempt that nobody was told of yet. Given once. */
  takeUntold(key: string): Attempt | undefined {
    const refused = this.#versions.get(key);
    const attempt = refused?.untold;
    if (refused) refused.untold = undefined;
    return attempt;
  }

  clear(): void {
    this.#versions.clear();
  }
}
