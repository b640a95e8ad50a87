import type { EventEmitter } from "node:events";
import { connect, type Socket } from "node:net";
import type mysql from "mysql2";
import { type Login, type LoginGate, LoginPaused } from "../core/login-gate.ts";

/** mysql2's option `stream`: called for each connection that is to be opened. */
export type OpenStream = (options: { readonly config: mysql.ConnectionOptions }) => Socket;

/** How mysql2 hands over a connection, or the reason why there is none. */
export type ConnectionCallback<C> = (error: Error | null, connection?: C) => void;

interface Attempt {
  begun?: { readonly login: Login; readonly socket: Socket };
}

const noop = () => undefined;

/**
 * Opens the sockets for one credential's connections and tells the gate how their logins went. The server speaks
 * first, and mysql2 answers with the password: so what the server says is held back until it is the login's turn.
 */
export class GatedLogins<C extends EventEmitter> {
  /** Called when a socket has been closed. */
  onClosed: () => void = noop;
  readonly #gate: LoginGate;
  readonly #openStream: OpenStream;
  /** Every socket there is: connecting, logging in, in use, or being closed. */
  readonly #open = new Set<Socket>();
  readonly #loggingIn = new Set<Socket>();
  readonly #loggedIn = new Map<C, Socket>();
  readonly #errors = new WeakSet<Error>();
  #attempt: Attempt | undefined;

  constructor(gate: LoginGate, openStream: OpenStream = openSocket) {
    this.#gate = gate;
    this.#openStream = openStream;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Connections that have logged in, with their sockets, until these are closed. */
  get loggedIn(): ReadonlyMap<C, Socket> {
    return this.#loggedIn;
  }

  /** Whether it is the error of a login, and not one of a queue that is full. */
  isLoginFailure(error: Error): boolean {
    return this.#errors.has(error);
  }

  /** To be mysql2's option `stream`. @throws LoginPaused where no login may begin now */
  readonly stream: OpenStream = (options) => {
    const login = this.#gate.begin();
    const socket = this.#openStream(options);
    this.#open.add(socket);
    this.#loggingIn.add(socket);
    socket.once("close", () => {
      this.#open.delete(socket);
      this.#loggingIn.delete(socket);
      this.onClosed();
    });
    socket.pause();
    login.mayGoOn().then(
      () => socket.resume(),
      (paused) => socket.destroy(paused),
    );
    if (this.#attempt) this.#attempt.begun = { login, socket };
    return socket;
  };

  /**
   * Runs what may make mysql2 open a connection, in this tick. Where it did, `done` gets `LoginPaused` in the place
   * of the server's refusal, and no socket is left behind.
   */
  logIn(open: (done: ConnectionCallback<C>) => void, done: ConnectionCallback<C>): void {
    const attempt: Attempt = {};
    this.#attempt = attempt;
    try {
      open((error, connection) => {
        // Without a login it was a connection that was there already, or there is none for another reason.
        if (attempt.begun) this.#finish(attempt.begun, error, connection, done);
        else done(error, connection);
      });
    } catch (paused) {
      if (!(paused instanceof LoginPaused)) throw paused;
      this.#errors.add(paused);
      process.nextTick(done, paused);
    } finally {
      this.#attempt = undefined;
    }
  }

  /** Cuts those that have not logged in yet; they fail with `LoginPaused`. */
  cutUnfinished(): void {
    for (const socket of this.#loggingIn) socket.destroy(new LoginPaused());
  }

  cutAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #finish(
    { login, socket }: NonNullable<Attempt["begun"]>,
    error: Error | null,
    connection: C | undefined,
    done: ConnectionCallback<C>,
  ): void {
    this.#loggingIn.delete(socket);
    if (connection) {
      this.#loggedIn.set(connection, socket);
      socket.once("close", () => this.#loggedIn.delete(connection));
      // Whoever holds a connection may not listen when its server goes away; the process survives that.
      connection.on("error", noop);
      login.succeeded();
      done(null, connection);
      return;
    }
    socket.destroy();
    const reason = login.failed(error) as Error;
    this.#errors.add(reason);
    done(reason);
  }
}

/** As mysql2 opens one itself. */
function openSocket({ config }: { readonly config: mysql.ConnectionOptions }): Socket {
  if (config.socketPath) return connect(config.socketPath);
  const socket = connect(config.port ?? 3306, config.host ?? "localhost");
  if (config.enableKeepAlive) {
    socket.once("connect", () => socket.setKeepAlive(true, config.keepAliveInitialDelay));
  }
  return socket.setNoDelay(true);
}
