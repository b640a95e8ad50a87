import { isRedisAuthFailure } from "../../../shared/engines/redis.ts";
import { createBackoff, pause } from "../core/backoff.ts";
import { LoginPaused } from "../core/login-gate.ts";
import { neitherIsUsable } from "../core/neither-usable.ts";
import type { Rotation } from "../core/rotation.ts";
import { FallBack } from "./fall-back.ts";
import type { SocketOptions } from "./log-in.ts";
import { type OpenSession, RefusedInVain } from "./login-connector.ts";
import type { Elsewhere, VersionLogin } from "./version-login.ts";

const RECOVERY = { firstMs: 50, capMs: 1_500 };

/** The part of a `Rotation` that logins need. */
export type FollowedRotation = Pick<
  Rotation<VersionLogin>,
  "current" | "fallBack" | "loginRefused" | "failure" | "versionId" | "secretId" | "logger"
>;

/** Commands that wait for a session. */
export interface WaitingCommands {
  /** When the first of them began to wait, by `performance.now()`; undefined where none waits. */
  waitingSince(): number | undefined;
  /** Fails those that began to wait before that moment. */
  giveUp(reason: Error, before: number): void;
}

export interface LoginsDeps {
  readonly rotation: FollowedRotation;
  readonly authWaitMs: number;
  /** See `FallBackDeps`. */
  readonly onRecovered: () => void;
}

/** Opens sessions with the credential in use. While it is refused, they wait for one that works. */
export class Logins {
  readonly #rotation: FollowedRotation;
  readonly #authWaitMs: number;
  readonly #fallBack: FallBack;
  /** In the order in which they came. */
  readonly #waiting = new Set<AbortController>();
  /** Those that wait, and those of them that try again. */
  #seeking = 0;
  #noneSeeks = new AbortController();

  constructor({ rotation, authWaitMs, onRecovered }: LoginsDeps) {
    this.#rotation = rotation;
    this.#authWaitMs = authWaitMs;
    this.#fallBack = new FallBack({ rotation, onRecovered });
  }

  get current(): VersionLogin {
    const { current } = this.#rotation;
    if (!current) throw new Error("There is no credential yet");
    return current;
  }

  /** Whether a session with that login is better left alone, although another one is in use. */
  keeps(login: VersionLogin): boolean {
    return this.#fallBack.keeps(login);
  }

  /** Nothing is left that could need a session. */
  end(): void {
    this.#fallBack.end();
  }

  /**
   * @param commands what waits for the session: each of them for `authWaitMs`
   * @throws RefusedInVain where no credential logged in for `authWaitMs` and nothing waits any longer; else the
   * socket's error or the server's
   */
  async open(
    options: SocketOptions & Elsewhere,
    signal: AbortSignal,
    commands?: WaitingCommands,
  ): Promise<OpenSession> {
    let until: number | undefined;
    try {
      for (;;) {
        const { current } = this;
        const opened = await this.#openWith(current, options, signal);
        if (!(opened instanceof LoginPaused)) return opened;
        if (current !== this.current) continue;
        if (until === undefined) this.#seek();
        until ??= performance.now() + this.#authWaitMs;
        await this.#wait(until, signal);
        if (signal.aborted) throw opened;
        if (performance.now() >= until) until = this.#giveUp(opened, commands);
      }
    } finally {
      if (until !== undefined) this.#stopSeeking();
    }
  }

  /** There is a credential that may work: the one in use has changed, or has logged in after all. */
  wakeAll(): void {
    for (const waiting of [...this.#waiting]) waiting.abort();
  }

  async #openWith(
    current: VersionLogin,
    options: SocketOptions & Elsewhere,
    signal: AbortSignal,
  ): Promise<OpenSession | LoginPaused> {
    try {
      const socket = await current.open(options, signal);
      this.#fallBack.succeeded(current);
      return { socket, login: current };
    } catch (error) {
      if (current === this.current && !signal.aborted) {
        const session = await this.#fallBack.open(current, error, options, signal);
        if (session) return session;
      }
      if (error instanceof LoginPaused) return error;
      throw error;
    }
  }

  async #wait(until: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#waiting.add(woken);
    await pause(Math.max(0, until - performance.now()), AbortSignal.any([woken.signal, signal]));
    this.#waiting.delete(woken);
  }

  /** Fails the commands that have waited for long enough. Gives the moment until which the others may wait. */
  #giveUp(paused: LoginPaused, commands: WaitingCommands | undefined): number {
    const now = performance.now();
    const endOf = (since: number) => since + this.#authWaitMs;
    const since = commands?.waitingSince();
    if (since !== undefined && endOf(since) > now) return endOf(since);
    const reason = this.#reasonOf(paused);
    commands?.giveUp(reason, now - this.#authWaitMs);
    const next = commands?.waitingSince();
    if (next === undefined) throw new RefusedInVain(reason);
    return endOf(next);
  }

  #seek(): void {
    this.#seeking += 1;
    if (this.#seeking > 1) return;
    const { logger, secretId } = this.#rotation;
    logger.warn({ secretId }, "Login was refused; commands wait for a new credential");
    this.#noneSeeks = new AbortController();
    void this.#recover(this.#noneSeeks.signal);
  }

  #stopSeeking(): void {
    this.#seeking -= 1;
    if (this.#seeking === 0) this.#noneSeeks.abort();
  }

  /** Rereads the secret, fast at first, for as long as somebody waits; lets a login try whenever one may. */
  async #recover(stop: AbortSignal): Promise<void> {
    const backoff = createBackoff(RECOVERY);
    while (!stop.aborted) {
      void this.#rotation.loginRefused();
      await pause(backoff.next(), stop);
      if (this.current.gate.admitsLogin) [...this.#waiting][0]?.abort();
    }
  }

  /** The store's own error; names both where the next version has a fault of its own. */
  #reasonOf(paused: LoginPaused): Error {
    const { logger, secretId, versionId, failure } = this.#rotation;
    logger.warn(
      { secretId, authWaitMs: this.#authWaitMs },
      "No credential logged in while commands waited; they fail",
    );
    const refused = paused.cause instanceof Error ? paused.cause : paused;
    if (!failure || isRedisAuthFailure(failure.error)) return refused;
    return neitherIsUsable({ secretId, versionId, refused, failure });
  }
}
