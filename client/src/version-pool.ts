import pg from "pg";
import type { PostgresCredential } from "../../shared/engines/postgres.ts";
import type { LoginGate, LoginPermit } from "./login-gate.ts";

type ClientClass = typeof pg.Client;

const VERIFY_TIMEOUT_MS = 10_000;
const noop = () => undefined;

/** The pool of one version of the secret: an ordinary `pg.Pool` whose logins pass a gate. */
export class VersionPool {
  readonly pool: pg.Pool;
  readonly gate: LoginGate;
  /** How to cut each open connection, logged in or not. */
  readonly #cuts = new Map<pg.Client, () => void>();
  #checkingOut = 0;
  #noneCheckingOut: () => void = noop;

  constructor(config: pg.PoolConfig, credential: PostgresCredential, gate: LoginGate) {
    this.gate = gate;
    const { host, port, database, user } = credential;
    const base = (config.Client ?? pg.Client) as ClientClass;
    const Client = gatedClient(base, credential, gate, this.#cuts);
    this.pool = new pg.Pool({ ...config, host, port, database, user, Client });
    // A server that stops breaks idle connections; without a listener that would end the process.
    this.pool.on("error", noop);
  }

  get inUse(): number {
    return this.pool.totalCount - this.pool.idleCount;
  }

  /** @throws LoginPaused where it takes a login that must wait; else what `pg.Pool.connect` throws */
  async checkOut(): Promise<pg.PoolClient> {
    this.#checkingOut += 1;
    try {
      return await this.pool.connect();
    } finally {
      this.#checkingOut -= 1;
      if (this.#checkingOut === 0) this.#noneCheckingOut();
    }
  }

  /**
   * Logs in and asks for one row. The connection is closed again: the application's "connect" listeners, which may
   * prepare a session, are not attached yet.
   *
   * @throws the driver's error
   */
  async verify(): Promise<void> {
    const timer = setTimeout(() => this.cut(), VERIFY_TIMEOUT_MS);
    try {
      const client = await this.checkOut();
      client.on("error", noop);
      try {
        await client.query("select 1");
      } finally {
        client.release(true);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends waiting checkouts away with `LoginPaused`, closes what is idle; resolves when the last connection is given back. */
  async retire(): Promise<void> {
    this.gate.retire();
    // pg-pool forgets those who wait in its queue when it ends. A queue is only looked at when a connection comes
    // or goes, so connections that are bound to fail at the gate are started until nobody waits.
    this.pool.options.max = Number.POSITIVE_INFINITY;
    while (this.pool.waitingCount > 0) {
      await this.pool.connect().then((client) => client.release(), noop);
    }
    await this.pool.end();
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

  /** Cuts every connection. A query under way on it fails; who holds it gets errors from then on. */
  cut(): void {
    this.gate.retire();
    for (const cut of this.#cuts.values()) cut();
    if (!this.pool.ending) void this.pool.end().catch(noop);
  }
}

/** A client class whose logins pass the gate, and which leaves no socket behind when a login fails. */
function gatedClient(
  Base: ClientClass,
  credential: PostgresCredential,
  gate: LoginGate,
  cuts: Map<pg.Client, () => void>,
): ClientClass {
  return class GatedClient extends Base {
    readonly #login: { permit?: LoginPermit };

    constructor(config?: string | pg.ClientConfig) {
      const login: { permit?: LoginPermit } = {};
      const password = () => {
        login.permit?.assertMaySend();
        return credential.password.reveal();
      };
      super({ ...(typeof config === "object" ? config : {}), password });
      this.#login = login;
    }

    override connect(): Promise<pg.Client>;
    override connect(callback: (error: Error | null, client?: pg.Client) => void): void;
    override connect(
      callback?: (error: Error | null, client?: pg.Client) => void,
    ): Promise<pg.Client> | undefined {
      const connected = gate.pass((permit) => this.#connect(permit));
      if (!callback) return connected;
      // Out of the promise: what a callback throws is the process's affair, as with pg's own client.
      connected.then(
        () => process.nextTick(callback, null, this),
        (error) => process.nextTick(callback, error),
      );
      return undefined;
    }

    async #connect(permit: LoginPermit): Promise<pg.Client> {
      this.#login.permit = permit;
      // A client that is still logging in must not be ended: it would never call back.
      cuts.set(this, () => this.connection.stream.destroy());
      this.once("end", () => cuts.delete(this));
      try {
        await super.connect();
      } catch (error) {
        // The server closes a connection that it refused, but not one for which we gave no password.
        this.connection.stream.destroy();
        cuts.delete(this);
        throw error;
      }
      cuts.set(this, () => {
        // Ended first, so that the loss of the socket is no "error" event, which ends a process that has no listener.
        void this.end().catch(noop);
        this.connection.stream.destroy();
      });
      return this;
    }
  };
}
