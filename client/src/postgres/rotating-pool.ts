import pg from "pg";
import { createBackoff, pause } from "../core/backoff.ts";
import type { Logger } from "../core/logger.ts";
import { LoginPaused } from "../core/login-gate.ts";
import { Parking, type ParkingTicket } from "../core/parking.ts";
import type { RotatingResource } from "../core/rotating-resource.ts";
import type { CheckoutCallback, VersionPool } from "./version-pool.ts";

const FORWARDED = ["connect", "acquire", "release", "remove"] as const;
const RECOVERY = { firstMs: 50, capMs: 1_500 };
const noop = () => undefined;

/** pg-pool computes these; its types call them properties, which a class may not override by accessors. */
interface OverridablePool extends pg.Pool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly expiredCount: number;
  ending: boolean;
  ended: boolean;
}
const PoolBase: new (config?: pg.PoolConfig) => OverridablePool = pg.Pool;

export interface RotatingPoolDeps {
  readonly config: pg.PoolConfig;
  readonly resource: RotatingResource<VersionPool>;
  readonly authWaitMs: number;
  /** For the log. */
  readonly secretId: string;
  readonly logger: Logger;
  /** Looks whether the secret has a new version, now. */
  readonly reread: () => void;
  /** Ends everything that feeds the pool; the pool's own connections come after. */
  readonly onEnd: () => Promise<void>;
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
 * - `max` holds for old and new connections together, but the new credential has one at once: `totalCount` may exceed
 *   `max` by one for each retired credential that drains;
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

  constructor(deps: RotatingPoolDeps) {
    super(deps.config);
    this.#deps = deps;
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
    return new Promise((resolve, reject) => {
      this.#checkOut((error, client) => (client ? resolve(client) : reject(error)));
    });
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    const ended = this.ending ? Promise.reject(new Error("Called end on pool more than once")) : this.#end();
    if (!callback) return ended;
    ended.then(
      () => process.nextTick(callback),
      (error) => process.nextTick(callback, error),
    );
    return undefined;
  }

  /** Takes the events and the waiting checkouts over to a new current pool. Not for applications. */
  follow(current: VersionPool): void {
    current.onClosed = () => this.#shareConnections();
    this.#shareConnections();
    for (const event of FORWARDED) {
      current.pool.on(event, (...args: unknown[]) => this.emit(event, ...args));
    }
    current.pool.on("release", () => {
      // pg-pool says so before it puts the connection back.
      if (this.#parking.size > 0) process.nextTick(() => this.#offerIdle(current));
    });
    current.pool.on("error", (error, client) => {
      if (current === this.#deps.resource.current && this.listenerCount("error") > 0) {
        this.emit("error", error, client);
      } else {
        this.#deps.logger.warn(
          { secretId: this.#deps.secretId, reason: error.message },
          "Idle connection was lost",
        );
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
    current.checkOut((error, client, done) => {
      // The pool was retired while we queued or logged in there: nothing to wait for, and nothing was handed over.
      const isRetired = current !== this.#deps.resource.current;
      if (error && isRetired && !this.ending) return this.#checkOut(callback, ticket);
      if (!(error instanceof LoginPaused)) return conclude(error, client, done);
      if (this.ending) return conclude(poolHasEnded(), undefined, noop);
      this.#waitAndTryAgain(error, callback, ticket ?? this.#park());
    });
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
      this.#deps.reread();
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
    const { logger, secretId } = this.#deps;
    logger.warn({ secretId }, "Login was refused; checkouts wait for a new credential");
  }

  /**
   * All versions together keep to `max`, since the store may count too: what drains is not yet the current one's. But
   * one it has at once, or a connection that is held for long would keep the new credential from serving.
   */
  #shareConnections(): void {
    const { current, draining } = this.#deps.resource;
    const stillOpen = draining.reduce((sum, { openCount }) => sum + openCount, 0);
    current?.allow(Math.max(1, this.options.max - stillOpen));
  }

  #offerIdle(current: VersionPool): void {
    if (current === this.#deps.resource.current && current.pool.idleCount > 0) this.#parking.wakeOldest();
  }

  #refusalOf(paused: LoginPaused): unknown {
    this.#deps.logger.warn(
      { secretId: this.#deps.secretId, authWaitMs: this.#deps.authWaitMs },
      "No credential logged in while a checkout waited; it fails",
    );
    return paused.cause ?? paused;
  }

  async #end(): Promise<void> {
    this.ending = true;
    this.#ending.abort();
    this.#parking.sendAway(poolHasEnded);
    await this.#deps.onEnd();
    this.ended = true;
  }

  #current(): VersionPool {
    const { current } = this.#deps.resource;
    if (!current) throw new Error("The pool has no credential yet");
    return current;
  }

  #sum(count: (pool: pg.Pool) => number): number {
    const { draining } = this.#deps.resource;
    return [this.#current(), ...draining].reduce((total, { pool }) => total + count(pool), 0);
  }
}

function poolHasEnded(): Error {
  return new Error("Cannot use a pool after calling end on the pool");
}
