import type { RedisOptions } from "ioredis";
import { DrainTimeoutError } from "../../../shared/contract/errors.ts";
import type { Rotation } from "../core/rotation.ts";
import type { SocketOptions } from "./log-in.ts";
import { LoginConnector, type OpenSession } from "./login-connector.ts";
import type { Logins, WaitingCommands } from "./logins.ts";
import { RotationEndedError } from "./rotation-ended-error.ts";
import type { Elsewhere, VersionLogin } from "./version-login.ts";

/** A client, as far as those that share its rotation are concerned. */
export interface SharingClient extends WaitingCommands {
  readonly options: RedisOptions;
  /** Takes the login in use, on its open session too. */
  follow(): void;
  /** Ends the session that still has another login. */
  cut(reason: DrainTimeoutError): void;
}

export interface ClientsDeps {
  readonly rotation: Rotation<VersionLogin>;
  readonly logins: Logins;
  readonly drainTimeoutMs: number;
}

/**
 * The clients that share one rotation: the one that was created, and its duplicates. A client and its connector find
 * each other by the options object that ioredis gives to both.
 */
export class Clients {
  readonly rotation: Rotation<VersionLogin>;
  readonly #logins: Logins;
  readonly #drainTimeoutMs: number;
  readonly #clients = new Set<SharingClient>();
  readonly #connectors = new WeakMap<RedisOptions, LoginConnector>();
  #ended: Promise<void> | undefined;

  constructor({ rotation, logins, drainTimeoutMs }: ClientsDeps) {
    this.rotation = rotation;
    this.#logins = logins;
    this.#drainTimeoutMs = drainTimeoutMs;
  }

  /** The login in use. */
  get current(): VersionLogin {
    return this.#logins.current;
  }

  /** Whether a session with that login is better left alone, although another one is in use. */
  keeps(login: VersionLogin): boolean {
    return this.#logins.keeps(login);
  }

  add(client: SharingClient): void {
    this.#clients.add(client);
  }

  delete(client: SharingClient): void {
    this.#clients.delete(client);
  }

  connectorOf(client: SharingClient): LoginConnector | undefined {
    return this.#connectors.get(client.options);
  }

  /** The class that ioredis connects with; also where somebody else makes a client of the same options. */
  connectorFor(elsewhere: Elsewhere): new (options: unknown) => LoginConnector {
    const clients = this;
    return class extends LoginConnector {
      constructor(given: unknown) {
        const options = given as RedisOptions;
        super(options, {
          open: (to, signal) => clients.#open(options, { ...to, ...elsewhere }, signal),
        });
        clients.#connectors.set(options, this);
      }
    };
  }

  /** Gives the login in use to every session that can be given it; the others keep theirs to the drain deadline. */
  follow(): void {
    for (const client of [...this.#clients]) client.follow();
  }

  /** Ends what is left of a login, so that its clients connect anew. */
  cut(login: VersionLogin): void {
    for (const client of [...this.#clients]) {
      if (this.connectorOf(client)?.login !== login) continue;
      client.cut(
        new DrainTimeoutError(
          `The command was unanswered ${this.#drainTimeoutMs} ms after its connection's credential was retired; it is not sent again`,
        ),
      );
    }
  }

  /** A client is closed for good. Resolves when the rotation has ended too, where it was the last one. */
  async leave(client: SharingClient): Promise<void> {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    this.#logins.end();
    this.#ended ??= this.rotation.end();
    await this.#ended;
  }

  async #open(
    options: RedisOptions,
    to: SocketOptions & Elsewhere,
    signal: AbortSignal,
  ): Promise<OpenSession> {
    if (this.rotation.hasEnded) throw new RotationEndedError();
    const session = await this.#logins.open(to, signal, this.#clientOf(options));
    // For ioredis' traces, and for whoever looks at where it is connected.
    const { host, port } = { ...session.login.credential, ...to };
    Object.assign(options, { host, port });
    return session;
  }

  #clientOf(options: RedisOptions): SharingClient | undefined {
    return [...this.#clients].find((client) => client.options === options);
  }
}
