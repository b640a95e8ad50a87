import pg from "pg";
import { DrainTimeoutError } from "../../../shared/contract/errors.ts";
import { type PostgresCredential, postgresErrorCode } from "../../../shared/engines/postgres.ts";
import { CheckFailedError } from "../core/check-failed-error.ts";
import type { Answer, CheckoutPool } from "../core/checkouts.ts";
import type { LoginGate } from "../core/login-gate.ts";
import { warmUp } from "../core/warm-up.ts";
import { type ClientClass, gatedClient } from "./gated-client.ts";
import { InnerPool } from "./inner-pool.ts";

const VERIFY_TIMEOUT_MS = 10_000;
/** A server that is there closes its side within that; one that is not would keep the place for as long as TCP tries. */
const CLOSE_MS = 1_000;
const noop = () => undefined;

export interface VersionPoolOptions {
  readonly config: pg.PoolConfig;
  readonly credential: PostgresCredential;
  readonly gate: LoginGate;
  /** The user's own check of a new credential. */
  readonly verify?: ((client: pg.Client) => Promise<unknown>) | undefined;
  /** Hears the events that `pg.Pool` has for the application. */
  readonly onEvent: (
    name: "connect" | "acquire" | "release" | "remove",
    first: unknown,
    second?: unknown,
  ) => void;
}

/** What we note on a client: cheaper than a set that every query adds to and deletes from. */
type Holdable = pg.Client & { isHeld?: boolean };

/** The pool of one version of the secret: an ordinary `pg.Pool` whose logins pass a gate. */
export class VersionPool implements CheckoutPool<pg.PoolClient> {
  readonly pool: pg.Pool;
  readonly gate: LoginGate;
  /** Whom and what its connections log in to. */
  readonly address: Pick<PostgresCredential, "host" | "port" | "database" | "user">;
  readonly password: () => string;
  /** Called when one of its connections has been closed. */
  onClosed: () => void = noop;
  /** Called when a connection is given back, before it is idle. */
  onReleased: () => void = noop;
  readonly #config: pg.PoolConfig;
  readonly #Client: ClientClass;
  /** Every connection there is: logging in, idle, held, or being closed. */
  readonly #open = new Set<Holdable>();
  readonly #loggedIn = new WeakSet<pg.Client>();
  readonly #loginErrors = new WeakSet<Error>();
  readonly #askMore: VersionPoolOptions["verify"];
  #isWarmingUp = false;
  /** Connections that are opened for those who queue. */
  #opening = 0;
  readonly #warming = new Set<unknown>();
  #noneOpen: () => void = noop;
  #checkingOut = 0;
  #noneCheckingOut: () => void = noop;

  constructor({ config, credential, gate, verify, onEvent }: VersionPoolOptions) {
    this.gate = gate;
    this.#askMore = verify;
    const { host, port, database, user } = credential;
    this.address = { host, port, database, user };
    this.password = () => credential.password.reveal();
    const base = (config.Client ?? pg.Client) as ClientClass;
    this.#Client = gatedClient(base, {
      credential,
      gate,
      onConnecting: (client) => this.#track(client),
      onFailed: (error) => {
        if (error instanceof Error) this.#loginErrors.add(error);
      },
    });
    this.#config = { ...config, host, port, database, user };
    this.pool = new InnerPool(
      { ...this.#config, Client: this.#Client },
      {
        acquired: (client: Holdable) => {
          client.isHeld = true;
          // That a connection is there is news for the application; that we hold it to warm up is not.
          if (this.#isWarmingUp) this.#warming.add(client);
          else onEvent("acquire", client);
        },
        released: (error, client: Holdable) => {
          client.isHeld = false;
          if (this.#warming.size > 0 && this.#warming.delete(client)) return;
          this.onReleased();
          onEvent("release", error, client);
        },
      },
    );
    // A server that stops breaks idle connections; without a listener that would end the process.
    this.pool.on("error", noop);
    this.pool.on("connect", (client) => {
      this.#loggedIn.add(client);
      onEvent("connect", client);
    });
    this.pool.on("remove", (client) => onEvent("remove", client));
  }

  /** Whether both may be valid at the same time. */
  isOtherLoginThan(pool: VersionPool): boolean {
    const { user, host, port, database } = this.#config;
    const other = pool.#config;
    return user !== other.user || host !== other.host || port !== other.port || database !== other.database;
  }

  get inUse(): number {
    return this.pool.totalCount - this.pool.idleCount;
  }

  get idleCount(): number {
    return this.pool.idleCount;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Whether a checkout failed because no login could be had, and not for want of a free connection. */
  isLoginFailure(error: Error): boolean {
    // pg-pool puts an error of its own around that of a login that took too long.
    return (
      this.#loginErrors.has(error) || (error.cause instanceof Error && this.#loginErrors.has(error.cause))
    );
  }

  /** As `pg.Pool.connect`; the error is `LoginPaused` where it takes a login that must wait. */
  checkOut(answer: Answer<pg.PoolClient>): void {
    this.#checkingOut += 1;
    this.pool.connect((error, client) => {
      this.#checkingOut -= 1;
      if (this.#checkingOut === 0) this.#noneCheckingOut();
      answer(error, client);
    });
  }

  /**
   * Logs in, asks for one row and what the user wants asked, and logs out, on a connection of its own: one that the application never sees must
   * neither cause events nor run its `onConnect`.
   *
   * @throws the driver's error, or LoginPaused
   */
  async verify(): Promise<void> {
    const client = new this.#Client(this.#config);
    const timer = setTimeout(() => client.connection.stream.destroy(), VERIFY_TIMEOUT_MS);
    try {
      await client.connect();
      await client.query("select 1");
      await this.#checkByUser(client);
      // Waited for, so that where connections are scarce its place is free for what comes next.
      await client.end();
    } finally {
      clearTimeout(timer);
      client.connection.stream.destroy();
    }
  }

  /** @throws CheckFailedError where the check fails and the connection does not */
  async #checkByUser(client: pg.Client): Promise<void> {
    if (!this.#askMore) return;
    // A check may wait for something else than the connection: it is over with the connection all the same.
    const lost = Promise.withResolvers<never>();
    client.once("end", () =>
      lost.reject(new Error("The connection was lost while the credential was checked")),
    );
    lost.promise.catch(noop);
    try {
      await Promise.race([lost.promise, this.#askMore(client)]);
    } catch (error) {
      const stillAnswers = await client.query("select 1").then(
        () => true,
        // In a transaction that has failed the server answers with an error.
        (reason) => postgresErrorCode(reason) !== undefined,
      );
      throw stillAnswers ? new CheckFailedError(error, postgresErrorCode(error)) : error;
    }
  }

  /** See `warmUp`. */
  async warmUp(count: number): Promise<void> {
    this.#isWarmingUp = true;
    await warmUp(count, () => this.#openAndAsk());
    this.#isWarmingUp = false;
  }

  /** A session reads the catalog for its first query: that is done before the application's comes. */
  async #openAndAsk(): Promise<pg.PoolClient> {
    const client = await this.pool.connect();
    try {
      await client.query("select 1");
      return client;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  /** Lets it have so many connections from now on. */
  allow(max: number): void {
    this.pool.options.max = max;
    // A queue is only looked at when a connection comes or goes. One that we ask for must not queue itself.
    while (this.#mayOpenMore) {
      this.#opening += 1;
      this.pool.connect((_error, client) => {
        this.#opening -= 1;
        client?.release();
      });
    }
  }

  get #mayOpenMore(): boolean {
    const { ending, totalCount, idleCount, waitingCount, options } = this.pool;
    return !ending && idleCount === 0 && totalCount < options.max && this.#opening < waitingCount;
  }

  /**
   * Sends waiting checkouts away with `LoginPaused`, and those whose login is under way with its loss; closes what is
   * idle. Resolves when the last connection is closed.
   */
  async retire(): Promise<void> {
    this.gate.retire();
    this.#cut((client) => !this.#loggedIn.has(client));
    // pg-pool forgets those who wait in its queue when it ends. A queue is only looked at when a connection comes
    // or goes, so connections that are bound to fail at the gate are started until nobody waits.
    this.pool.options.max = Number.POSITIVE_INFINITY;
    while (this.pool.waitingCount > 0) {
      await this.pool.connect().then((client) => client.release(), noop);
    }
    const impolite = setTimeout(() => this.#cut((client) => !client.isHeld), CLOSE_MS);
    await this.pool.end();
    // pg-pool does not wait for the sockets, which count towards what the store allows.
    if (this.#open.size > 0) {
      await new Promise<void>((resolve) => {
        this.#noneOpen = resolve;
      });
    }
    clearTimeout(impolite);
  }

  /** Serves the checkouts that wait already, then closes; resolves when the last connection is given back. */
  async finish(): Promise<void> {
    if (this.#checkingOut > 0) {
      await new Promise<void>((resolve) => {
        this.#noneCheckingOut = resolve;
      });
    }
    await this.pool.end();
  }

  /** Cuts every connection. A query under way on it fails; who holds it gets "error" and "end". */
  cut(): void {
    this.gate.retire();
    // Not ended: that waits for the server, and a client that is still logging in would never call back.
    const reason = new DrainTimeoutError(
      "The credential was rotated; this connection was still in use at the drain deadline",
    );
    for (const client of this.#open) client.connection.stream.destroy(client.isHeld ? reason : undefined);
    if (!this.pool.ending) void this.pool.end().catch(noop);
  }

  #cut(isMeant: (client: Holdable) => boolean): void {
    for (const client of this.#open) if (isMeant(client)) client.connection.stream.destroy();
  }

  #track(client: pg.Client): void {
    this.#open.add(client);
    client.once("end", () => {
      this.#open.delete(client);
      this.onClosed();
      if (this.#open.size === 0) this.#noneOpen();
    });
  }
}
