const MINUTE_MS = 60_000;
/** For so long a password that was sent counts as under way: a store that never answers must not shut the gate. */
const ANSWER_WAIT_MS = 10_000;

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
  /** Called for each refusal. */
  onRefused: () => void = () => undefined;
  readonly #maxTries: number;
  #refusedAt: number[] = [];

  constructor(maxTries: number) {
    this.#maxTries = maxTries;
  }

  recordRefusal(): void {
    this.#refusedAt.push(performance.now());
    this.onRefused();
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

/** One login on its way to the store. Ends in `succeeded` or `failed`. */
export interface Login {
  /**
   * To be awaited before the password is sent: resolves when it is this login's turn. Until the store has answered,
   * it takes one of the few places.
   *
   * @throws LoginPaused where the password must not be sent any more
   */
  mayGoOn(): Promise<void>;
  succeeded(): void;
  /** Gives the error to hand on: `LoginPaused` where the store refused the login. */
  failed(error: unknown): unknown;
}

type State = "open" | "suspect" | "retired";

interface Place {
  /** How many refusals were known when the password was sent: a later one is not disproved by this login. */
  refusalsBefore: number;
}

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
 * Every password passes here on its way to the store. The first refusal puts the credential under suspicion: all
 * other logins are turned away before they reach the store, but for a try now and then. Half of the budget may be
 * under way at once, since a dead password is only learned when the first of them comes back. Connecting is not
 * limited: a store that is slow to accept, or never does, costs no place.
 */
export class LoginGate {
  readonly #options: LoginGateOptions;
  #state: State = "open";
  /** Whose password is at the store, with the timer after which it counts no more. */
  readonly #atStore = new Map<Place, NodeJS.Timeout>();
  /** In the order in which they came. */
  readonly #waiting = new Map<Place, Waiting>();
  #refusals = 0;
  #lastRefusal: { readonly error: unknown; readonly at: number } | undefined;

  constructor(options: LoginGateOptions) {
    this.#options = options;
  }

  get isSuspect(): boolean {
    return this.#state === "suspect";
  }

  /** Whether a password that comes now would be let through to the store. */
  get admitsLogin(): boolean {
    const { budget } = this.#options;
    if (this.#state === "retired") return false;
    // A credential that has logged in keeps one login at a time, whatever its predecessor has spent.
    if (this.#state === "open") return this.#atStore.size < Math.max(1, Math.ceil(budget.left / 2));
    const sinceRefusalMs = performance.now() - (this.#lastRefusal?.at ?? 0);
    return this.#atStore.size === 0 && budget.left > 0 && sinceRefusalMs >= budget.retryAfterMs;
  }

  /** @throws LoginPaused where it would be turned away in any case, so that it need not connect */
  begin(): Login {
    if (this.#state !== "open" && !this.admitsLogin) throw this.#paused();
    const place: Place = { refusalsBefore: this.#refusals };
    return {
      mayGoOn: () => this.#enter(place),
      succeeded: () => {
        this.#leave(place);
        // A login from before the password died proves nothing about the one that was refused after.
        if (this.isSuspect && !this.#isOutdated(place)) this.#reopen();
        this.#admitWaiting();
      },
      failed: (error) => {
        this.#leave(place);
        const reason = this.#options.isAuthFailure(error) ? this.#refuse(error) : error;
        this.#admitWaiting();
        return reason;
      },
    };
  }

  /** From now on nobody logs in with this credential. */
  retire(): void {
    this.#state = "retired";
    this.#turnWaitingAway();
  }

  async #enter(place: Place): Promise<void> {
    if (this.admitsLogin) {
      this.#admit(place);
    } else if (this.#state === "open") {
      // Admitted by whoever leaves, in whose place it comes. One that fails meanwhile is waited for by nobody.
      await new Promise<void>((admit, turnAway) => this.#waiting.set(place, { admit, turnAway }));
    } else {
      throw this.#paused();
    }
    // Another one may have been refused since it was admitted.
    if (this.#state === "retired" || this.#isOutdated(place)) throw this.#paused();
  }

  #admit(place: Place): void {
    place.refusalsBefore = this.#refusals;
    const timer = setTimeout(() => {
      this.#atStore.delete(place);
      this.#admitWaiting();
    }, ANSWER_WAIT_MS);
    timer.unref();
    this.#atStore.set(place, timer);
  }

  #leave(place: Place): void {
    clearTimeout(this.#atStore.get(place));
    this.#atStore.delete(place);
    this.#waiting.delete(place);
  }

  #admitWaiting(): void {
    for (const [place, { admit }] of this.#waiting) {
      if (!this.admitsLogin) return;
      this.#waiting.delete(place);
      this.#admit(place);
      admit();
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
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { turnAway } of waiting) turnAway(this.#paused());
  }

  #isOutdated({ refusalsBefore }: Place): boolean {
    return this.#refusals !== refusalsBefore;
  }

  #paused(): LoginPaused {
    return new LoginPaused(this.#lastRefusal?.error);
  }
}
