import type mysql from "mysql2";
import type { Pool as MysqlPool } from "mysql2/promise";
import { isMysqlAuthFailure } from "../../../shared/engines/mysql.ts";
import { Checkouts } from "../core/checkouts.ts";
import { checkHealth, type Health, type HealthOptions } from "../core/health.ts";
import type { Rotation } from "../core/rotation.ts";
import type { RotationEvents } from "../core/rotation-events.ts";
import { CallbackPool, type PoolCallback, PromisePool, readPoolConfig } from "./mysql2-classes.ts";
import type { VersionPool } from "./version-pool.ts";

const noop = () => undefined;

interface Listening<This> {
  <K extends keyof RotationEvents>(event: K, listener: (...args: RotationEvents[K]) => void): This;
  (event: "connection" | "acquire" | "release", listener: (connection: mysql.PoolConnection) => void): This;
  (event: "enqueue", listener: () => void): This;
}

/** mysql2's types give its pool a connection's `config`; at run time only the pool that it wraps has one. */
interface OverridablePool extends MysqlPool {
  readonly config: mysql.PoolOptions;
  on: Listening<this> & MysqlPool["on"];
  once: Listening<this> & MysqlPool["once"];
  off: Listening<this> & MysqlPool["off"];
}
const PoolBase = PromisePool as unknown as new (
  pool: mysql.Pool,
  promise?: PromiseConstructor,
) => OverridablePool;

export interface RotatingPoolDeps {
  /** What mysql2 gets, without the credential. */
  readonly config: mysql.PoolOptions;
  readonly rotation: Rotation<VersionPool>;
  readonly authWaitMs: number;
  /** For old and new connections together. */
  readonly connectionLimit: number;
}

type MysqlCheckouts = Checkouts<mysql.PoolConnection, VersionPool>;

/** mysql2's callback pool, whose connections come from the version in use. Has none of its own. */
class CallbackRotatingPool extends CallbackPool {
  readonly #checkouts: MysqlCheckouts;
  readonly #finish: () => Promise<void>;
  #ended: Promise<void> | undefined;

  constructor(config: mysql.PoolOptions, checkouts: MysqlCheckouts, finish: () => Promise<void>) {
    // It has no idle connections that a timer would have to close.
    const { maxIdle: _maxIdle, ...others } = config;
    super({ config: readPoolConfig(others) });
    this.#checkouts = checkouts;
    this.#finish = finish;
  }

  override getConnection(callback: PoolCallback): void {
    const answer = callback as (error: Error | null, connection?: mysql.PoolConnection) => void;
    if (this.#checkouts.isEnding) return void process.nextTick(answer, poolIsClosed());
    this.#checkouts.checkOut((error, connection) => answer(error ?? null, connection));
  }

  override releaseConnection(connection: mysql.PoolConnection): void {
    connection.release();
  }

  override end(callback: (error: NodeJS.ErrnoException | null) => void = noop): void {
    if (!this.#ended) {
      this.#checkouts.close();
      this.#ended = this.#finish();
      // Only marks it as closed: there is nothing in it.
      super.end(noop);
    }
    this.#ended.then(
      () => process.nextTick(callback, null),
      (error) => process.nextTick(callback, error),
    );
  }
}

/**
 * A pool of mysql2's promise API that stays the same object while the credential behind it changes. Each credential
 * has a pool of its own inside; checkouts go to the current one. Made by `createRotatingPool`. `pool.pool` is the same
 * pool with the callback API.
 *
 * As mysql2's, but:
 * - a checkout whose login the store refuses waits up to `authWaitMs` for a credential that works, or for a
 *   connection that is given back meanwhile, before it fails with the driver's error;
 * - the loss of a connection that is held fails its queries, and does not end the process where nobody listens to
 *   the connection's "error";
 * - `connectionLimit` holds for old and new connections together, but for those with which a new credential begins:
 *   one, or as many as were open (`warmUp`);
 * - "acquire" and "release" are emitted for each checkout, also where a connection goes straight to the next in the
 *   queue, or is lost while it is held;
 * - `end()` may be called again, and resolves when the sockets are closed.
 *
 * A query that was sent is never sent again.
 */
export class RotatingPool extends PoolBase {
  readonly #rotation: Rotation<VersionPool>;
  readonly #checkouts: MysqlCheckouts;

  constructor({ config, rotation, authWaitMs, connectionLimit }: RotatingPoolDeps) {
    const checkouts: MysqlCheckouts = new Checkouts({
      rotation,
      authWaitMs,
      limit: () => connectionLimit,
      isAuthFailure: isMysqlAuthFailure,
      hasEnded: poolIsClosed,
    });
    const finish = () => {
      for (const former of rotation.draining) void former.finish();
      return rotation.end((current) => current.finish());
    };
    super(new CallbackRotatingPool(config, checkouts, finish), config.Promise);
    this.#rotation = rotation;
    this.#checkouts = checkouts;
    rotation.emitBy(this);
  }

  /** Settings of the pool. Holds no credential. */
  override get config(): mysql.PoolOptions {
    return this.pool.config;
  }

  /** Connections to the store, those of retired credentials included. */
  get totalCount(): number {
    return this.#sum(({ openCount }) => openCount);
  }

  get idleCount(): number {
    return this.#rotation.current?.idleCount ?? 0;
  }

  /** Those who wait for a connection, and those who wait for a credential. */
  get waitingCount(): number {
    return this.#sum(({ waitingCount }) => waitingCount) + this.#checkouts.waitingCount;
  }

  /** Whether `end()` was called. */
  get ending(): boolean {
    return this.#checkouts.isEnding;
  }

  /**
   * Asks the database for one row, and tells which version is in use and how we hear of the next. Never throws.
   *
   * @example const { status } = await pool.health({ timeoutMs: 1000 });
   */
  health(options?: HealthOptions): Promise<Health> {
    return checkHealth(this.#rotation, () => this.query("select 1"), options);
  }

  /** Takes the waiting checkouts over to a new current pool. Not for applications. */
  follow(current: VersionPool): void {
    this.#checkouts.follow(current);
  }

  /** A credential under suspicion has logged in after all. Not for applications. */
  reopened(): void {
    this.#checkouts.resume();
  }

  #sum(count: (pool: VersionPool) => number): number {
    const { current, draining } = this.#rotation;
    return [...(current ? [current] : []), ...draining].reduce((total, pool) => total + count(pool), 0);
  }
}

/** In mysql2's words. */
function poolIsClosed(): Error {
  return new Error("Pool is closed.");
}
