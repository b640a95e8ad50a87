import { createBackoff, pause } from "./backoff.ts";
import { type LoginGate, LoginPaused } from "./login-gate.ts";
import { neitherIsUsable } from "./neither-usable.ts";
import { Parking, type ParkingTicket } from "./parking.ts";
import type { Rotation } from "./rotation.ts";

/** How a connection is handed over, or the reason why there is none. */
export type Answer<C> = (error: Error | undefined, connection?: C) => void;

/** The pool of one version of a secret, as far as checkouts are concerned. */
export interface CheckoutPool<C> {
  readonly gate: LoginGate;
  readonly idleCount: number;
  /** Connections that log in, serve, or are being closed. */
  readonly openCount: number;
  /** Of these, those that were told to close; only of interest to a pool whose driver limits the queue. */
  readonly closingCount?: number;
  /** Called when one of its connections has been closed. */
  onClosed: () => void;
  /** Called when one was given back; it may be on its way to the idle ones still. */
  onReleased: () => void;
  /** The error is `LoginPaused` where it takes a login that must wait. */
  checkOut(answer: Answer<C>): void;
  /** Whether a checkout failed because no login could be had, and not for want of a free connection. */
  isLoginFailure(error: Error): boolean;
  /** Whether both may be valid at the same time. */
  isOtherLoginThan(other: this): boolean;
  /** Lets it have `max` connections from now on; `soon` counts those too whose place others are about to leave. */
  allow(max: number, soon: number): void;
}

export interface CheckoutsDeps<P> {
  readonly rotation: Rotation<P>;
  /** How long a checkout waits for a credential that logs in. */
  readonly authWaitMs: number;
  /** Connections of old and new credentials together, as of now. */
  readonly limit: () => number;
  readonly isAuthFailure: (error: unknown) => boolean;
  /** What the driver says where its pool has ended. */
  readonly hasEnded: () => Error;
  /** Whether a checkout failed because its time was up. */
  readonly isTimeout?: (error: Error) => boolean;
}

const RECOVERY = { firstMs: 50, capMs: 1_000 };

/**
 * Hands out connections of the version in use. Where its login is refused, a checkout waits for another credential or
 * for a connection that is given back; where old and new credential may both be valid, it falls back to the old.
 *
 * An answer comes in the tick in which the inner pool gives it: nobody else may listen to a connection's "error" any
 * more, and what ended its session may be in the same packet as what made it free.
 */
export class Checkouts<C, P extends CheckoutPool<C>> {
  readonly #deps: CheckoutsDeps<P>;
  readonly #parking = new Parking();
  readonly #ending = new AbortController();
  /** As the signal says; on the way of every checkout, where asking it is slow. */
  #isEnding = false;
  #recovery: AbortController | undefined;
  #warnedOf: P | undefined;
  /** What was last fallen back to. */
  #former: P | undefined;
  /** The last that was heard from the gate. */
  #paused: LoginPaused | undefined;

  constructor(deps: CheckoutsDeps<P>) {
    this.#deps = deps;
  }

  /** Those who wait for a credential. */
  get waitingCount(): number {
    return this.#parking.size;
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  checkOut(answer: Answer<C>): void {
    const { current } = this.#deps.rotation;
    const mustQueue = this.#paused && this.#parking.size > 0 && !this.isEnding && current?.gate.isSuspect;
    if (mustQueue && this.#paused && !this.#usableFormer(current)) {
      // In turn: whoever gives a connection back and comes again would have it before those who wait for it.
      this.#waitAndTryAgain(this.#paused, answer, this.#park());
      this.#offerIdle(current);
    } else {
      this.#checkOut(answer, undefined);
    }
  }

  /** There is a new version in use: whoever waits tries it. */
  follow(current: P): void {
    current.onClosed = () => this.shareConnections();
    current.onReleased = () => {
      // One of a former credential: it is on its way out now, and its place free soon.
      if (current !== this.#deps.rotation.current) return this.shareConnections();
      if (this.#parking.size > 0) process.nextTick(() => this.#offerIdle(current));
    };
    this.shareConnections();
    this.#parking.wakeAll();
  }

  /** A credential under suspicion has logged in after all. */
  resume(): void {
    this.#warnedOf = undefined;
    this.#parking.wakeAll();
  }

  /** Sends away those who wait for a credential, and whoever comes from now on. */
  close(): void {
    this.#isEnding = true;
    this.#ending.abort();
    this.#parking.sendAway(this.#deps.hasEnded);
  }

  /**
   * All versions together keep to the limit, since the store may count too: what drains is not yet the current one's.
   * But one it has at once, or a connection that is held for long would keep the new credential from serving.
   */
  shareConnections(): void {
    const { current, draining } = this.#deps.rotation;
    if (!current) return;
    this.#shareWith(current, draining);
    const former = this.#former;
    if (!former || !draining.includes(former)) return;
    this.#shareWith(former, [current, ...draining.filter((other) => other !== former)]);
  }

  #shareWith(pool: P, others: readonly P[]): void {
    const left = others.reduce((rest, { openCount }) => rest - openCount, this.#deps.limit());
    const closing = others.reduce((sum, { closingCount = 0 }) => sum + closingCount, 0);
    const max = Math.max(1, left);
    pool.allow(max, Math.max(max, left + closing));
  }

  #checkOut(answer: Answer<C>, ticket: ParkingTicket | undefined): void {
    const { current } = this.#deps.rotation;
    if (this.isEnding || !current) {
      ticket?.leave();
      return void answer(this.#deps.hasEnded());
    }
    current.checkOut((error, connection) => {
      if (error) return void this.#notHandedOver(error, current, answer, ticket);
      ticket?.leave();
      answer(undefined, connection);
    });
  }

  #notHandedOver(error: Error, by: P, answer: Answer<C>, ticket: ParkingTicket | undefined): void {
    const isOvertaken = () => by !== this.#deps.rotation.current && !this.isEnding;
    // The pool was retired while we queued or logged in there: nothing to wait for.
    if (isOvertaken()) return void this.#checkOut(answer, ticket);
    const former = by.isLoginFailure(error) ? this.#usableFormer(by) : undefined;
    if (!former) return void this.#fail(error, answer, ticket);
    this.#beginFallBack(by, former);
    former.checkOut((formerError, connection) => {
      // Its time may have come while we were there.
      const isOver = isOvertaken() || this.#deps.rotation.fallBack() !== former;
      if (formerError && isOver && !this.isEnding) return void this.#checkOut(answer, ticket);
      // What the new credential fails on is what has to be mended.
      if (formerError) return void this.#fail(error, answer, ticket);
      ticket?.leave();
      answer(undefined, connection);
      this.#parking.wakeAll();
    });
  }

  #fail(error: Error, answer: Answer<C>, ticket: ParkingTicket | undefined): void {
    if (error instanceof LoginPaused && !this.isEnding) {
      this.#paused = error;
      return void this.#waitAndTryAgain(error, answer, ticket ?? this.#park());
    }
    ticket?.leave();
    if (error instanceof LoginPaused) return void answer(this.#deps.hasEnded());
    const { rotation, isTimeout } = this.#deps;
    if (isTimeout?.(error)) rotation.telemetry.checkoutTimedOut();
    else rotation.telemetry.connectionFailed(error);
    answer(error);
  }

  /** The credential before, where it may still be valid beside the one in use. */
  #usableFormer(current: P): P | undefined {
    const former = this.#deps.rotation.fallBack();
    // Told apart by user and host: with one user, whether its former password lives on is the server's affair.
    return former?.isOtherLoginThan(current) && !former.gate.isSuspect ? former : undefined;
  }

  #beginFallBack(current: P, former: P): void {
    if (this.#former !== former) {
      this.#former = former;
      former.onClosed = () => this.shareConnections();
    }
    this.shareConnections();
    if (this.#warnedOf === current) return;
    this.#warnedOf = current;
    const { rotation } = this.#deps;
    const { logger, secretId } = rotation;
    logger.warn({ secretId }, "New credential fails; checkouts fall back to the one before");
    void rotation.loginRefused();
  }

  #waitAndTryAgain(paused: LoginPaused, answer: Answer<C>, ticket: ParkingTicket): void {
    // Out of the promise: what a callback throws is the process's affair, as with the driver's own pool.
    ticket
      .wait(() => this.#refusalOf(paused))
      .then(
        () => process.nextTick(() => this.#checkOut(answer, ticket)),
        (reason) => {
          ticket.leave();
          process.nextTick(answer, reason);
        },
      );
  }

  #park(): ParkingTicket {
    const isFirst = this.#parking.size === 0;
    const ticket = this.#parking.enter(this.#deps.authWaitMs);
    if (isFirst) void this.#recover();
    return ticket;
  }

  /** Rereads the secret, fast at first, for as long as somebody waits; lets a login try whenever one may. */
  async #recover(): Promise<void> {
    this.#recovery?.abort();
    const recovery = new AbortController();
    this.#recovery = recovery;
    const stop = AbortSignal.any([recovery.signal, this.#ending.signal]);
    const backoff = createBackoff(RECOVERY);
    this.#warnOfRefusal();
    while (this.#parking.size > 0 && !stop.aborted) {
      void this.#deps.rotation.loginRefused();
      await pause(backoff.next(), stop);
      const { current } = this.#deps.rotation;
      if (current && (current.gate.admitsLogin || this.#usableFormer(current))) this.#parking.wakeOldest();
      else if (current) this.#offerIdle(current);
    }
  }

  /** Once for each time that a credential comes under suspicion, however often checkouts begin to wait for it. */
  #warnOfRefusal(): void {
    const { current, logger, secretId } = this.#deps.rotation;
    if (this.#warnedOf === current) return;
    this.#warnedOf = current;
    logger.warn({ secretId }, "Login was refused; checkouts wait for a new credential");
  }

  #offerIdle(current: P): void {
    if (current === this.#deps.rotation.current && current.idleCount > 0) this.#parking.wakeOldest();
  }

  /** Nothing logged in for as long as a checkout may wait. Names both where the next version has a fault of its own. */
  #refusalOf(paused: LoginPaused): unknown {
    const { rotation, authWaitMs, isAuthFailure } = this.#deps;
    const { logger, secretId, versionId, failure } = rotation;
    logger.warn({ secretId, authWaitMs }, "No credential logged in while a checkout waited; it fails");
    const refused = paused.cause ?? paused;
    rotation.telemetry.connectionFailed(refused);
    if (!failure || isAuthFailure(failure.error)) return refused;
    return neitherIsUsable({ secretId, versionId, refused, failure });
  }
}
