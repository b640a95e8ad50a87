import { createBackoff, pause } from "../core/backoff.ts";
import { LoginPaused } from "../core/login-gate.ts";
import { neitherIsUsable } from "../core/neither-usable.ts";
import type { Rotation } from "../core/rotation.ts";
import type { SocketOptions } from "./log-in.ts";
import { type OpenSession, RefusedInVain } from "./login-connector.ts";
import type { Elsewhere, VersionLogin } from "./version-login.ts";

const RECOVERY = { firstMs: 50, capMs: 1_500 };

/** The part of a `Rotation` that logins need. */
export type FollowedRotation = Pick<
  Rotation<VersionLogin>,
  "current" | "fallBack" | "loginRefused" | "failure" | "versionId" | "secretId" | "logger"
>;

/** Opens sessions with the credential in use. While it is refused, they wait for one that works. */
export class Logins {
  readonly #rotation: FollowedRotation;
  readonly #authWaitMs: number;
  /** In the order in which they came. */
  readonly #waiting = new Set<AbortController>();
  /** Those that wait, and those of them that try again. */
  #seeking = 0;
  #noneSeeks = new AbortController();

  constructor(rotation: FollowedRotation, authWaitMs: number) {
    this.#rotation = rotation;
    this.#authWaitMs = authWaitMs;
  }

  get current(): VersionLogin {
    const { current } = this.#rotation;
    if (!current) throw new Error("There is no credential yet");
    return current;
  }

  /**
   * @throws RefusedInVain where no credential logged in for `authWaitMs`; else the socket's error or the server's
   */
  async open(options: SocketOptions & Elsewhere, signal: AbortSignal): Promise<OpenSession> {
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
        if (performance.now() >= until) throw new RefusedInVain(this.#reasonOf(opened));
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
      return { socket: await current.open(options, signal), login: current };
    } catch (error) {
      if (!(error instanceof LoginPaused)) throw error;
      if (current !== this.current) return error;
      const former = this.#rotation.fallBack();
      // One that works no more costs one refused login, and is not asked again.
      if (!former || former.gate.isSuspect) return error;
      const socket = await former.open(options, signal).catch(() => undefined);
      return socket ? { socket, login: former } : error;
    }
  }

  async #wait(until: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#waiting.add(woken);
    await pause(Math.max(0, until - performance.now()), AbortSignal.any([woken.signal, signal]));
    this.#waiting.delete(woken);
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
    return failure ? neitherIsUsable({ secretId, versionId, refused, failure }) : refused;
  }
}
