const MINUTE_MS = 60_000;

/**
 * Tells a checkout to wait instead of logging in: the password is known or feared to be dead. Never reaches the
 * application; `cause` is the store's own refusal where there was one.
 */
export class LoginPaused extends Error {
  constructor(cause?: unknown) {
    super("Login is paused until a credential is known to work", { cause });
  }
}

/** How many logins the store may refuse in a minute before we stop asking, so that no account is locked. */
export class LoginBudget {
  readonly #maxTries: number;
  #refusedAt: number[] = [];

  constructor(maxTries: number) {
    this.#maxTries = maxTries;
  }

  recordRefusal(): void {
    this.#refusedAt.push(performance.now());
  }

  /** Refusals that are still affordable in the present minute. */
  get left(): number {
    const since = performance.now() - MINUTE_MS;
    this.#refusedAt = this.#refusedAt.filter((at) => at > since);
    return Math.max(0, this.#maxTries - this.#refusedAt.length);
  }

  /** Time between two tries of a credential that was refused: spread over the minute. */
  get retryAfterMs(): number {
    return MINUTE_MS / this.#maxTries;
  }
}

/** Given to each login that may go on to the store. */
export interface LoginPermit {
  /**
   * Called at the last moment before the password is sent: another login may have been refused since.
   *
   * @throws LoginPaused where it must not be sent any more
   */
  assertMaySend(): void;
}

type State = "open" | "suspect" | "retired";

interface Waiting {
  readonly admit: () => void;
  readonly turnAway: (reason: LoginPaused) => void;
}

export interface LoginGateOptions {
  /** Shared by all credentials of one pool. */
  readonly budget: LoginBudget;
  readonly isAuthFailure: (error: unknown) => boolean;
  /** A credential that was under suspicion has logged in. */
  readonly onReopened?: () => void;
}

/**
 * Every login with one credential passes here. The first refusal puts the credential under suspicion: all others
 * are turned away before they reach the store, but for a try now and then. Half of the budget may be under way at
 * once, since a dead password is only learned when the first of them comes back.
 */
export class LoginGate {
  readonly #options: LoginGateOptions;
  #state: State = "open";
  #underWay = 0;
  #waiting: Waiting[] = [];
  #refusals = 0;
  #lastRefusal: { readonly error: unknown; readonly at: number } | undefined;

  constructor(options: LoginGateOptions) {
    this.#options = options;
  }

  get isSuspect(): boolean {
    return this.#state === "suspect";
  }

  /** Whether a login that comes now would be let through to the store. */
  get admitsLogin(): boolean {
    const { budget } = this.#options;
    if (this.#state === "retired") return false;
    // A credential that has logged in keeps one login at a time, whatever its predecessor has spent.
    if (this.#state === "open") return this.#underWay < Math.max(1, Math.ceil(budget.left / 2));
    const sinceRefusalMs = performance.now() - (this.#lastRefusal?.at ?? 0);
    return this.#underWay === 0 && budget.left > 0 && sinceRefusalMs >= budget.retryAfterMs;
  }

  /** @throws LoginPaused where the login must wait, or was refused by the store; else what `login` throws */
  async pass<T>(login: (permit: LoginPermit) => Promise<T>): Promise<T> {
    await this.#enter();
    const refusalsAtEntry = this.#refusals;
    const isOutdated = () => this.#refusals !== refusalsAtEntry;
    try {
      const session = await login({
        assertMaySend: () => {
          if (this.#state === "retired" || isOutdated()) throw this.#paused();
        },
      });
      // A login that began before the password died proves nothing about the one that was refused after.
      if (this.isSuspect && !isOutdated()) this.#reopen();
      return session;
    } catch (error) {
      throw this.#options.isAuthFailure(error) ? this.#refuse(error) : error;
    } finally {
      this.#underWay -= 1;
      this.#admitWaiting();
    }
  }

  /** From now on nobody logs in with this credential. */
  retire(): void {
    this.#state = "retired";
    this.#turnWaitingAway();
  }

  async #enter(): Promise<void> {
    if (this.#state === "open" && !this.admitsLogin) {
      // Admitted by whoever leaves, in whose place it comes.
      await new Promise<void>((admit, turnAway) => this.#waiting.push({ admit, turnAway }));
      return;
    }
    if (!this.admitsLogin) throw this.#paused();
    this.#underWay += 1;
  }

  #admitWaiting(): void {
    while (this.#state === "open" && this.#waiting.length > 0 && this.admitsLogin) {
      this.#underWay += 1;
      this.#waiting.shift()?.admit();
    }
  }

  #refuse(error: unknown): LoginPaused {
    this.#refusals += 1;
    this.#lastRefusal = { error, at: performance.now() };
    this.#options.budget.recordRefusal();
    if (this.#state === "open") this.#state = "suspect";
    this.#turnWaitingAway();
    return this.#paused();
  }

  #reopen(): void {
    this.#state = "open";
    this.#options.onReopened?.();
  }

  #turnWaitingAway(): void {
    for (const { turnAway } of this.#waiting.splice(0)) turnAway(this.#paused());
  }

  #paused(): LoginPaused {
    return new LoginPaused(this.#lastRefusal?.error);
  }
}
