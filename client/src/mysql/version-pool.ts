import type mysql from "mysql2";
import { DrainTimeoutError } from "../../../shared/contract/errors.ts";
import type { MysqlCredential } from "../../../shared/engines/mysql.ts";
import type { Answer, CheckoutPool } from "../core/checkouts.ts";
import { type LoginGate, LoginPaused } from "../core/login-gate.ts";
import { warmUp } from "../core/warm-up.ts";
import { GatedLogins } from "./gated-logins.ts";
import { GatedPool } from "./gated-pool.ts";
import { quit } from "./mysql2-classes.ts";
import { type AskMore, verifyLogin } from "./verify-login.ts";

/** The events of mysql2's pools. */
export type PoolEvent = "connection" | "acquire" | "release" | "enqueue";

/** A server that is there closes its side within that; one that is not would keep the place for as long as TCP tries. */
const CLOSE_MS = 1_000;
const noop = () => undefined;

export interface VersionPoolOptions {
  /** What mysql2 gets, without the credential. */
  readonly config: mysql.PoolOptions;
  readonly credential: MysqlCredential;
  readonly gate: LoginGate;
  readonly verify?: AskMore | undefined;
  /** Hears what the application is to hear. */
  readonly onEvent: (name: PoolEvent, connection?: mysql.PoolConnection) => void;
}

interface Checkout {
  readonly answer: Answer<mysql.PoolConnection>;
  isQueued: boolean;
}

/** The pool of one version of the secret: an ordinary mysql2 pool whose logins pass a gate. */
export class VersionPool implements CheckoutPool<mysql.PoolConnection> {
  readonly gate: LoginGate;
  /** Called when one of its connections has been closed. */
  onClosed: () => void = noop;
  /** Called when the application has given a connection back. */
  onReleased: () => void = noop;
  readonly #options: VersionPoolOptions;
  readonly #logins: GatedLogins<mysql.Connection>;
  readonly #pool: GatedPool;
  /** Checkouts that have no answer yet. */
  readonly #pending = new Set<Checkout>();
  /** The one that is being made in this tick. */
  #beginning: Checkout | undefined;
  /** What the application holds. */
  readonly #held = new Set<mysql.Connection>();
  readonly #leaving = new WeakSet<mysql.Connection>();
  #isRetired = false;
  /** Connections that it may have when those of other credentials are closed. */
  #comingLater = 0;
  /** Connections that are opened for those who queue. */
  #opening = 0;
  #retirement: Promise<void> | undefined;
  #noneOpen: () => void = noop;

  constructor(options: VersionPoolOptions) {
    const { config, gate, onEvent } = options;
    this.gate = gate;
    this.#options = options;
    this.#logins = new GatedLogins(gate, config.stream);
    this.#logins.onClosed = () => {
      this.onClosed();
      if (this.#logins.openCount === 0) this.#noneOpen();
    };
    this.#pool = new GatedPool(this.#connectionOptions(), this.#logins, (connection, toPool) =>
      this.#takeBack(connection, toPool),
    );
    this.#pool.on("connection", (connection) => onEvent("connection", connection));
    this.#pool.on("enqueue", () => {
      if (!this.#beginning) return;
      this.#beginning.isQueued = true;
      onEvent("enqueue");
    });
  }

  /** Whether both may be valid at the same time. */
  isOtherLoginThan(pool: VersionPool): boolean {
    const { user, host, port, database } = this.#options.credential;
    const other = pool.#options.credential;
    return user !== other.user || host !== other.host || port !== other.port || database !== other.database;
  }

  /** Connections that the application holds. */
  get inUse(): number {
    return this.#held.size;
  }

  get idleCount(): number {
    return this.#logins.loggedIn.size - this.#held.size;
  }

  /** Those that log in, serve, or are being closed. */
  get openCount(): number {
    return this.#logins.openCount;
  }

  get closingCount(): number {
    return this.#isRetired ? Math.max(0, this.openCount - this.#held.size) : 0;
  }

  /** Checkouts that wait until another one gives a connection back. */
  get waitingCount(): number {
    return [...this.#pending].filter(({ isQueued }) => isQueued).length;
  }

  /** Whether a checkout failed because no login could be had, and not for want of a free connection. */
  isLoginFailure(error: Error): boolean {
    return this.#logins.isLoginFailure(error);
  }

  /** As mysql2's `getConnection`; the error is `LoginPaused` where it takes a login that must wait. */
  checkOut(answer: Answer<mysql.PoolConnection>): void {
    if (this.#isRetired) return void process.nextTick(answer, new LoginPaused());
    const checkout: Checkout = { answer, isQueued: false };
    this.#pending.add(checkout);
    this.#beginning = checkout;
    this.#pool.getConnection((error, connection) => {
      // It was sent away when the pool was retired.
      if (!this.#pending.delete(checkout)) return connection?.release();
      if (connection) {
        this.#held.add(connection);
        this.#options.onEvent("acquire", connection);
      }
      answer(error ?? undefined, connection);
    });
    this.#beginning = undefined;
  }

  /** See `verifyLogin`. To be called before the pool is used: it closes everything in the end. */
  verify(): Promise<void> {
    return verifyLogin(this.#connectionOptions(), this.#logins, this.#options.verify);
  }

  /** See `warmUp`. */
  warmUp(count: number): Promise<void> {
    return warmUp(count, () => this.#borrow());
  }

  /** Lets it have so many connections from now on, unless its own options set no limit at all. */
  allow(max: number, soon: number): void {
    const { config } = this.#pool;
    const before = config.connectionLimit ?? 0;
    if (before === 0 || this.#isRetired) return;
    config.connectionLimit = max;
    this.#comingLater = Math.max(0, soon - Math.max(max, this.openCount));
    // mysql2 looks at its queue only when a connection comes or goes. One that we ask for must not queue itself.
    const more = Math.min(max - this.openCount, this.waitingCount - this.#opening);
    for (let n = more; n > 0; n -= 1) {
      this.#opening += 1;
      this.#borrow()
        .then((connection) => connection.release(), noop)
        .finally(() => {
          this.#opening -= 1;
          this.#limitQueue();
        });
    }
    this.#limitQueue();
  }

  /** Those who queue for a place that is being left to them would not have to without a rotation: they do not count. */
  #limitQueue(): void {
    const { config } = this.#pool;
    const { queueLimit = 0, waitForConnections = true } = this.#options.config;
    const more = this.#comingLater + this.#opening;
    config.waitForConnections = waitForConnections || more > 0;
    // mysql2 takes 0 for no limit.
    if (!waitForConnections) config.queueLimit = more;
    else if (queueLimit > 0) config.queueLimit = queueLimit + more;
  }

  /**
   * Sends waiting checkouts away with `LoginPaused`, and those whose login is under way; closes what is idle, and the
   * rest when it is given back. Resolves when the last connection is closed.
   */
  retire(): Promise<void> {
    this.#retirement ??= this.#retire();
    return this.#retirement;
  }

  /** As `retire`, but does not wait to be given back what is held: as mysql2 ends, after what was sent on it. */
  finish(): Promise<void> {
    const retired = this.retire();
    for (const connection of this.#held) this.#quit(connection);
    return retired;
  }

  /** Cuts every connection. A query under way on it fails; who holds it gets "error". */
  cut(): void {
    void this.retire();
    for (const connection of this.#held) {
      const reason = new DrainTimeoutError(
        "The credential was rotated; this connection was still in use at the drain deadline",
      );
      this.#logins.loggedIn.get(connection)?.destroy(reason);
    }
    this.#logins.cutAll();
  }

  async #retire(): Promise<void> {
    this.#isRetired = true;
    this.gate.retire();
    for (const { answer } of this.#pending) process.nextTick(answer, new LoginPaused());
    this.#pending.clear();
    this.#logins.cutUnfinished();
    for (const connection of this.#logins.loggedIn.keys()) {
      if (!this.#held.has(connection)) this.#quit(connection);
    }
    if (this.#logins.openCount > 0) {
      await new Promise<void>((resolve) => {
        this.#noneOpen = resolve;
      });
    }
    // Nothing is left to be closed but its timer.
    this.#pool.end(noop);
  }

  #takeBack(connection: mysql.PoolConnection, toPool: () => void): void {
    const wasHeld = this.#held.delete(connection);
    if (this.#isRetired) this.#quit(connection);
    else toPool();
    if (!wasHeld) return;
    this.#options.onEvent("release", connection);
    this.onReleased();
  }

  /** Without a word to the server its log would count an aborted connection. */
  #quit(connection: mysql.Connection): void {
    if (this.#leaving.has(connection)) return;
    this.#leaving.add(connection);
    const socket = this.#logins.loggedIn.get(connection);
    if (!socket) return;
    quit(connection, () => {
      const impolite = setTimeout(() => socket.destroy(), CLOSE_MS);
      socket.once("close", () => clearTimeout(impolite));
    });
  }

  /** A connection for ourselves. */
  #borrow(): Promise<mysql.PoolConnection> {
    return new Promise((resolve, reject) => {
      this.#pool.getConnection((error, connection) => (connection ? resolve(connection) : reject(error)));
    });
  }

  #connectionOptions(): mysql.PoolOptions {
    const { config, credential } = this.#options;
    const { host, port, database, user, password } = credential;
    const options = { ...config, host, port, user, password: password.reveal() };
    return database === undefined ? options : { ...options, database };
  }
}
