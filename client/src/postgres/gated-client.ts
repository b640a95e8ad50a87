import type pg from "pg";
import type { PostgresCredential } from "../../../shared/engines/postgres.ts";
import type { Login, LoginGate } from "../core/login-gate.ts";

export type ClientClass = typeof pg.Client;

export interface GatedClientOptions {
  readonly credential: PostgresCredential;
  readonly gate: LoginGate;
  /** A client is about to open its connection; "end" tells that it is closed. */
  readonly onConnecting: (client: pg.Client) => void;
  /** There will be no session; the error is what the caller gets. */
  readonly onFailed: (error: unknown) => void;
}

const noop = () => undefined;

/** A client class whose passwords pass the gate, and which leaves no socket behind when a login fails. */
export function gatedClient(
  Base: ClientClass,
  { credential, gate, onConnecting, onFailed }: GatedClientOptions,
): ClientClass {
  return class GatedClient extends Base {
    readonly #own: { login?: Login };

    constructor(config?: string | pg.ClientConfig) {
      const own: { login?: Login } = {};
      // pg asks for it when the server does, and waits.
      const password = async () => {
        await own.login?.mayGoOn();
        return credential.password.reveal();
      };
      super({ ...(typeof config === "object" ? config : {}), password });
      this.#own = own;
      // Whoever holds a client may not listen yet, or not at all, when its server goes away; the process survives that.
      this.on("error", noop);
    }

    override connect(): Promise<pg.Client>;
    override connect(callback: (error: Error | null, client?: pg.Client) => void): void;
    override connect(
      callback?: (error: Error | null, client?: pg.Client) => void,
    ): Promise<pg.Client> | undefined {
      if (callback) return this.#connect(callback);
      return new Promise((resolve, reject) => {
        this.#connect((error) => (error ? reject(error) : resolve(this)));
      });
    }

    /**
     * Calls back in the tick in which pg does: a message that ends the session may be in the same packet as the one
     * that begins it, and must find whoever gets this client listening.
     */
    #connect(callback: (error: Error | null, client?: pg.Client) => void): undefined {
      // pg refuses a second time and leaves the connection as it is.
      if (this.#own.login) return void super.connect(callback);
      let login: Login;
      try {
        login = gate.begin();
      } catch (paused) {
        onFailed(paused);
        process.nextTick(callback, paused);
        return;
      }
      this.#own.login = login;
      onConnecting(this);
      let hasSettled = false;
      super.connect((error: Error | null) => {
        // pg tells of a connection that was lost, and once more of a password that came too late for it.
        if (hasSettled) return;
        hasSettled = true;
        if (!error) {
          login.succeeded();
          callback(null, this);
          return;
        }
        // The server closes a connection that it refused, but not one for which we gave no password.
        this.connection.stream.destroy();
        const reason = login.failed(error) as Error;
        onFailed(reason);
        callback(reason);
      });
    }
  };
}
