import type pg from "pg";
import { isPostgresAuthFailure } from "../../../shared/engines/postgres.ts";
import { createBackoff, pause } from "../core/backoff.ts";
import { describeError } from "../core/describe-error.ts";
import { checkHealth, type Health, type HealthOptions } from "../core/health.ts";
import { LoginPaused } from "../core/login-gate.ts";
import { neitherIsUsable } from "../core/neither-usable.ts";
import { Parking, type ParkingTicket } from "../core/parking.ts";
import type { Rotation } from "../core/rotation.ts";
import { ROTATION_EVENTS } from "../core/rotation-events.ts";
import { hearOfMax, PoolBase, showLogin } from "./pool-base.ts";
import type { CheckoutCallback, VersionPool } from "./version-pool.ts";

const RECOVERY = { firstMs: 50, capMs: 1_500 };
/** pg-pool's errors at `connectionTimeoutMillis`; they have no code. */
const TIMEOUTS = [
  "timeout exceeded when trying to connect",
  "Connection terminated due to connection timeout",
];
const noop = () => undefined;

export interface RotatingPoolDeps {
  readonly config: pg.PoolConfig;
  readonly rotation: Rotation<VersionPool>;
  readonly authWaitMs: number;
}

/**
 * A `pg.Pool` that stays the same object while the credential behind it changes. Each credential has a pool of its
 * own inside; checkouts go to the current one. Made by `createRotatingPool`.
 *
 * As `pg.Pool`, but:
 * - a checkout whose login the store refuses waits up to `authWaitMs` for a credential that works, or for a
 *   connection that is given back meanwhile, before it fails with the driver's error;
 * - the loss of an idle connection is logged where nobody listens to "error", and does not end the process;
 * - the loss of a connection that is held fails its queries, and does not end the process where nobody listens to
 *   the client's "error";
 * - `max` holds for old and new connections together, but for those with which a new credential begins: one, or as
 *   many as were busy (`warmUp`);
 * - `end()` serves the checkouts that queue for a connection, and rejects those that wait for a credential.
 *
 * A query that was sent is never sent again.
 */
export class RotatingPool extends PoolBase {
  readonly #deps: RotatingPoolDeps;
  readonly #parking = new Parking();
  readonly #ending = new AbortController();
  #recovery: AbortController | undefined;
  #warnedOf: VersionPool | undefined;
  #pinging: Promise<unknown> | undefined;

  constructor(deps: RotatingPoolDeps) {
    super(deps.config);
    this.#deps = deps;
    hearOfMax(this.options, () => this.#shareConnections());
    for (const name of ROTATION_EVENTS) {
      deps.rotation.events.on(name, (event: unknown) => void this.emit(name, event));
    }
  }

  override get totalCount(): number {
    return this.#sum((pool) => pool.totalCount);
  }

  override get idleCount(): number {
    return this.#current().pool.idleCount;
  }

  /** Those who wait for a connection, and those who wait for a credential. */
  override get waitingCount(): number {
    return this.#sum((pool) => pool.waitingCount) + this.#parking.size;
  }

  override get expiredCount(): number {
    return this.#sum((pool) => pool.expiredCount);
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: CheckoutCallback): void;
  override connect(callback?: CheckoutCallback): Promise<pg.PoolClient> | undefined {
    if (callback) return this.#checkOut(callback);
    return new this.Promise<pg.PoolClient>((resolve, reject) => {
      this.#checkOut((error, client) => (client ? resolve(client) : reject(error)));
    }).catch((error) => {
      // As pg-pool: a stack that leads to the caller instead of to the socket.
      Error.captureStackTrace(error);
      throw error;
    });
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    const ended = this.ending ? Promise.reject(new Error("Called end on pool more than once")) : this.#end();
    if (!callback) return new this.Promise((resolve, reject) => void ended.then(resolve, reject));
    ended.then(
      () => process.nextTick(callback),
      (error) => process.nextTick(callback, error),
    );
    return undefined;
  }

  /**
   * Asks the database for one row, and tells which version is in use and how we hear of the next. Never throws.
   *
   * @example const { status } = await pool.health({ timeoutMs: 1000 });
   */
  health(options?: HealthOptions): Promise<Health> {
    return checkHealth(this.#deps.rotation, () => this.#ping(), options);
  }

  /** One at a time: probes of a pool that is busy must not fill its queue. */
  #ping(): Promise<unknown> {
    this.#pinging ??= this.query("select 1").finally(() => {
      this.#pinging = undefined;
    });
    return this.#pinging;
  }

  /** Takes the waiting checkouts over to a new current pool. Not for applications. */
  follow(current: VersionPool): void {
    showLogin(this.options, current);
    current.onClosed = () => this.#shareConnections();
    this.#shareConnections();
    current.pool.on("release", () => {
      // pg-pool says so before it puts the connection back.
      if (this.#parking.size > 0) process.nextTick(() => this.#offerIdle(current));
    });
    current.pool.on("error", (error, client) => {
      this.#deps.rotation.telemetry.connectionFailed(error);
      if (current === this.#deps.rotation.current && this.listenerCount("error") > 0) {
        this.emit("error", error, client);
      } else {
        const { logger, secretId } = this.#deps.rotation;
        logger.warn({ secretId, ...describeError(error) }, "Idle connection was lost");
      }
    });
    this.#parking.wakeAll();
  }

  /** A credential under suspicion has logged in after all. Not for applications. */
  resume(): void {
    this.#warnedOf = undefined;
    this.#parking.wakeAll();
  }

  /**
   * Hands over in the tick in which the inner pool does: nobody else listens to the client's "error" any more, and
   * what ended its session may be in the same packet as what made it free.
   */
  #checkOut(callback: CheckoutCallback, ticket?: ParkingTicket): undefined {
    const conclude: CheckoutCallback = (error, client, done) => {
      ticket?.leave();
      callback(error, client, done);
    };
    if (this.ending) return void conclude(poolHasEnded(), undefined, noop);
    const current = this.#current();
    const fail = (error: Error) => {
      if (!(error instanceof LoginPaused)) {
        this.#tellOfFailure(error);
        return conclude(error, undefined, noop);
      }
      if (this.ending) return conclude(poolHasEnded(), undefined, noop);
      this.#waitAndTryAgain(error, callback, ticket ?? this.#park());
    };
    current.checkOut((error, client, done) => {
      if (!error) return conclude(undefined, client, done);
      // The pool was retired while we queued or logged in there: nothing to wait for, and nothing was handed over.
      const isRetired = current !== this.#deps.rotation.current;
      if (isRetired && !this.ending) return this.#checkOut(callback, ticket);
      const former = current.isLoginFailure(error) ? this.#formerInsteadOf(current) : undefined;
      if (!former) return fail(error);
      former.checkOut((formerError, formerClient, formerDone) => {
        // What the new credential fails on is what has to be mended.
        if (formerError) fail(error);
        else conclude(undefined, formerClient, formerDone);
      });
    });
  }

  #tellOfFailure(error: Error): void {
    const { telemetry } = this.#deps.rotation;
    if (TIMEOUTS.includes(error.message)) telemetry.checkoutTimedOut();
    else telemetry.connectionFailed(error);
  }

  /** The credential before, where it may still be valid beside the one in use. */
  #formerInsteadOf(current: VersionPool): VersionPool | undefined {
    const { rotation } = this.#deps;
    const former = rotation.fallBack();
    // A user has one password: where the new one was accepted, the old one is dead.
    if (!former?.isOtherLoginThan(current) || former.gate.isSuspect) return undefined;
    former.allow(Math.max(1, this.options.max - current.openCount));
    if (this.#warnedOf !== current) {
      this.#warnedOf = current;
      const { logger, secretId } = rotation;
      logger.warn({ secretId }, "New credential fails; checkouts fall back to the one before");
      void rotation.loginRefused();
    }
    return former;
  }

  #waitAndTryAgain(paused: LoginPaused, callback: CheckoutCallback, ticket: ParkingTicket): void {
    // Out of the promise: what a callback throws is the process's affair, as with pg's own pool.
    ticket
      .wait(() => this.#refusalOf(paused))
      .then(
        () => process.nextTick(() => this.#checkOut(callback, ticket)),
        (reason) => {
          ticket.leave();
          process.nextTick(callback, reason, undefined, noop);
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
      const current = this.#current();
      if (current.gate.admitsLogin) this.#parking.wakeOldest();
      else this.#offerIdle(current);
    }
  }

  /** Once for each time that a credential comes under suspicion, however often checkouts begin to wait for it. */
  #warnOfRefusal(): void {
    const current = this.#current();
    if (this.#warnedOf === current) return;
    this.#warnedOf = current;
    const { logger, secretId } = this.#deps.rotation;
    logger.warn({ secretId }, "Login was refused; checkouts wait for a new credential");
  }

  /**
   * All versions together keep to `max`, since the store may count too: what drains is not yet the current one's. But
   * one it has at once, or a connection that is held for long would keep the new credential from serving.
   */
  #shareConnections(): void {
    const { current, draining } = this.#deps.rotation;
    const stillOpen = draining.reduce((sum, { openCount }) => sum + openCount, 0);
    current?.allow(Math.max(1, this.options.max - stillOpen));
  }

  #offerIdle(current: VersionPool): void {
    if (current === this.#deps.rotation.current && current.pool.idleCount > 0) this.#parking.wakeOldest();
  }

  /** Nothing logged in for as long as a checkout may wait. Names both where the next version has a fault of its own. */
  #refusalOf(paused: LoginPaused): unknown {
    const { rotation, authWaitMs } = this.#deps;
    const { logger, secretId, versionId, failure } = rotation;
    logger.warn({ secretId, authWaitMs }, "No credential logged in while a checkout waited; it fails");
    const refused = paused.cause ?? paused;
    rotation.telemetry.connectionFailed(refused);
    if (!failure || isPostgresAuthFailure(failure.error)) return refused;
    return neitherIsUsable({ secretId, versionId, refused, failure });
  }

  async #end(): Promise<void> {
    this.ending = true;
    this.#ending.abort();
    this.#parking.sendAway(poolHasEnded);
    await this.#deps.rotation.end((current) => current.finish());
    this.ended = true;
  }

  #current(): VersionPool {
    const { current } = this.#deps.rotation;
    if (!current) throw new Error("The pool has no credential yet");
    return current;
  }

  #sum(count: (pool: pg.Pool) => number): number {
    const { draining } = this.#deps.rotation;
    return [this.#current(), ...draining].reduce((total, { pool }) => total + count(pool), 0);
  }
}

function poolHasEnded(): Error {
  return new Error("Cannot use a pool after calling end on the pool");
}
