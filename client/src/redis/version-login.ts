import type { Socket } from "node:net";
import type { RedisCredential } from "../../../shared/engines/redis.ts";
import type { LoginGate } from "../core/login-gate.ts";
import { logIn, type SocketOptions } from "./log-in.ts";

export interface VersionLoginOptions {
  readonly credential: RedisCredential;
  readonly gate: LoginGate;
}

/** Where a client connects to although the secret says otherwise: what `duplicate()` was given. */
export type Elsewhere = Pick<Partial<RedisCredential>, "host" | "port">;

/**
 * The login of one version of the secret, and the sessions that have it. A session is given another login by AUTH,
 * or ends.
 */
export class VersionLogin {
  readonly credential: RedisCredential;
  readonly gate: LoginGate;
  readonly closed = new AbortController();
  /** By whoever holds the session. */
  readonly #sessions = new Set<object>();
  #noneLeft: () => void = () => undefined;

  constructor({ credential, gate }: VersionLoginOptions) {
    this.credential = credential;
    this.gate = gate;
  }

  get inUse(): number {
    return this.#sessions.size;
  }

  /** Whether a session of one can become a session of the other without another connection. */
  isOfSameServerAs({ credential: { host, port, tls } }: VersionLogin): boolean {
    const own = this.credential;
    return host === own.host && port === own.port && tls === own.tls;
  }

  /**
   * Connects, and logs in when it is its turn.
   *
   * @throws LoginPaused where the credential is refused or feared to be; else the socket's error or the server's
   */
  async open(options: SocketOptions & Elsewhere, signal: AbortSignal): Promise<Socket> {
    const login = this.gate.begin();
    const { host = this.credential.host, port = this.credential.port } = options;
    try {
      const credential = { ...this.credential, host, port };
      const socket = await logIn(credential, options, { signal, mayLogIn: () => login.mayGoOn() });
      login.succeeded();
      return socket;
    } catch (error) {
      throw login.failed(error);
    }
  }

  enter(session: object): void {
    this.#sessions.add(session);
  }

  leave(session: object): void {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#noneLeft();
  }

  /** Resolves when no session has it. */
  async unused(): Promise<void> {
    if (this.#sessions.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#noneLeft = resolve;
    });
  }
}
