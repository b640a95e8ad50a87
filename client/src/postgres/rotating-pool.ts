import type pg from "pg";
import { isPostgresAuthFailure } from "../../../shared/engines/postgres.ts";
import { Checkouts } from "../core/checkouts.ts";
import { describeError } from "../core/describe-error.ts";
import { checkHealth, type Health, type HealthOptions } from "../core/health.ts";
import type { Rotation } from "../core/rotation.ts";
import { hearOfMax, PoolBase, showLogin } from "./pool-base.ts";
import type { VersionPool } from "./version-pool.ts";

/** How `pg.Pool` hands over a connection, or the reason why there is none. */
export type CheckoutCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: Error | boolean) => void,
) => void;

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
 *   many as were open (`warmUp`);
 * - `end()` serves the checkouts that queue for a connection, and rejects those that wait for a credential.
 *
 * A query that was sent is never sent again.
 */
export class RotatingPool extends PoolBase {
  readonly #deps: RotatingPoolDeps;
  readonly #checkouts: Checkouts<pg.PoolClient, VersionPool>;
  #pinging: Promise<unknown> | undefined;
  #cutPing: () => void = noop;

  constructor(deps: RotatingPoolDeps) {
    super(deps.config);
    this.#deps = deps;
    this.#checkouts = new Checkouts({
      ...deps,
      limit: () => this.options.max,
      isAuthFailure: isPostgresAuthFailure,
      hasEnded: () => new Error("Cannot use a pool after calling end on the pool"),
      isTimeout: ({ message }) => TIMEOUTS.includes(message),
    });
    hearOfMax(this.options, () => this.#checkouts.shareConnections());
    deps.rotation.emitBy(this);
  }

  override get totalCount(): number {
    return this.#sum((pool) => pool.totalCount);
  }

  override get idleCount(): number {
    return this.#current().pool.idleCount;
  }

  /** Those who wait for a connection, and those who wait for a credential. */
  override get waitingCount(): number {
    return this.#sum((pool) => pool.waitingCount) + this.#checkouts.waitingCount;
  }

  override get expiredCount(): number {
    return this.#sum((pool) => pool.expiredCount);
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: CheckoutCallback): void;
  override connect(callback?: CheckoutCallback): Promise<pg.PoolClient> | undefined {
    if (callback) {
      this.#checkouts.checkOut((error, client) => callback(error, client, client ? client.release : noop));
      return undefined;
    }
    return new this.Promise<pg.PoolClient>((resolve, reject) => {
      this.#checkouts.checkOut((error, client) => (client ? resolve(client) : reject(error)));
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
    return checkHealth(this.#deps.rotation, (timeUp) => this.#ping(timeUp), options);
  }

  /** One at a time: probes of a pool that is busy must not fill its queue. */
  #ping(timeUp: AbortSignal): Promise<unknown> {
    timeUp.addEventListener("abort", () => this.#cutPing(), { once: true });
    this.#pinging ??= this.#askForOneRow().finally(() => {
      this.#pinging = undefined;
    });
    return this.#pinging;
  }

  async #askForOneRow(): Promise<void> {
    const client = await this.connect();
    let isGivenBack = false;
    const giveBack = (reason?: Error) => {
      if (!isGivenBack) client.release(reason);
      isGivenBack = true;
    };
    // A connection that a firewall has forgotten must not stand for the database for as long as TCP tries.
    this.#cutPing = () => giveBack(new Error("The database did not answer in time"));
    try {
      await client.query("select 1");
      giveBack();
    } catch (error) {
      giveBack(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      this.#cutPing = noop;
    }
  }

  /** Takes the waiting checkouts over to a new current pool. Not for applications. */
  follow(current: VersionPool): void {
    const { rotation } = this.#deps;
    showLogin(this.options, current);
    current.pool.on("error", (error, client) => {
      rotation.telemetry.connectionFailed(error);
      if (current === rotation.current && this.listenerCount("error") > 0) {
        this.emit("error", error, client);
      } else {
        const { logger, secretId } = rotation;
        logger.warn({ secretId, ...describeError(error) }, "Idle connection was lost");
      }
    });
    this.#checkouts.follow(current);
  }

  /** A credential under suspicion has logged in after all. Not for applications. */
  reopened(): void {
    this.#checkouts.resume();
  }

  async #end(): Promise<void> {
    this.ending = true;
    this.#checkouts.close();
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
