import { Socket } from "node:net";
import { AbstractConnector, type RedisOptions } from "ioredis";
import { type SocketOptions, socketOptions } from "./log-in.ts";
import { RotationEndedError } from "./rotation-ended-error.ts";
import type { VersionLogin } from "./version-login.ts";

/** A socket whose session is logged in, and as whom. */
export interface OpenSession {
  readonly socket: Socket;
  readonly login: VersionLogin;
}

export interface LoginConnectorDeps {
  /** @throws RotationEndedError, RefusedInVain, or an error that ioredis meets with its own reconnecting */
  readonly open: (options: SocketOptions, signal: AbortSignal) => Promise<OpenSession>;
}

/** No credential logged in for as long as a login may wait; who waited was told the cause. ioredis connects anew. */
export class RefusedInVain extends Error {
  constructor(cause: Error) {
    super("No credential logged in", { cause });
  }
}

/**
 * What ioredis connects with: hands out connections that are logged in already, so that ioredis needs no password, and
 * a login that is refused is for it a connection that takes long.
 */
export class LoginConnector extends AbstractConnector {
  readonly #deps: LoginConnectorDeps;
  readonly #options: RedisOptions;
  #attempt = new AbortController();
  #login: VersionLogin | undefined;

  constructor(options: RedisOptions, deps: LoginConnectorDeps) {
    super(options.disconnectTimeout ?? 2_000);
    this.#options = options;
    this.#deps = deps;
  }

  /** Whose session the connection is; undefined where there is none. */
  get login(): VersionLogin | undefined {
    return this.#login;
  }

  /**
   * ioredis takes a socket that is closed for a connection that failed, and connects again.
   *
   * @throws RotationEndedError, which ioredis takes for the end
   */
  override async connect(): Promise<Socket> {
    this.connecting = true;
    delete this.firstError;
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    try {
      const { socket, login } = await this.#deps.open(socketOptions(this.#options), signal);
      if (signal.aborted) return socket.destroy();
      this.stream = socket;
      this.belongsTo(login);
      socket.once("close", () => this.belongsTo(undefined));
      return socket;
    } catch (error) {
      if (error instanceof RotationEndedError) throw error;
      const isTold = error instanceof RefusedInVain || signal.aborted;
      if (error instanceof Error && !isTold) this.firstError = error;
      return new Socket().destroy();
    }
  }

  override disconnect(): void {
    this.#attempt.abort();
    this.connecting = false;
    if (this.stream && !this.stream.destroyed) super.disconnect();
  }

  /** Notes that the session has another login now. */
  belongsTo(login: VersionLogin | undefined): void {
    if (login === this.#login) return;
    const former = this.#login;
    this.#login = login;
    login?.enter(this);
    former?.leave(this);
  }
}
