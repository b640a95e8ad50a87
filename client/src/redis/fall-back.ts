import { createBackoff, pause } from "../core/backoff.ts";
import { LoginPaused } from "../core/login-gate.ts";
import type { Rotation } from "../core/rotation.ts";
import type { SocketOptions } from "./log-in.ts";
import type { OpenSession } from "./login-connector.ts";
import type { Elsewhere, VersionLogin } from "./version-login.ts";

const PROBES = { firstMs: 50, capMs: 1_500 };

export interface FallBackDeps {
  readonly rotation: Pick<
    Rotation<VersionLogin>,
    "current" | "fallBack" | "loginRefused" | "secretId" | "logger"
  >;
  /** The credential in use, which failed, has logged in: sessions with the one before shall be given it. */
  readonly onRecovered: () => void;
}

/** Opens sessions with the credential before, where the one in use fails and the other may still be valid. */
export class FallBack {
  readonly #deps: FallBackDeps;
  readonly #ending = new AbortController();
  /** The credential in use, where it failed and the one before did not. */
  #failing: VersionLogin | undefined;

  constructor(deps: FallBackDeps) {
    this.#deps = deps;
  }

  /** @returns undefined where the one before is not to be asked, or fails too */
  async open(
    current: VersionLogin,
    failure: unknown,
    options: SocketOptions & Elsewhere,
    signal: AbortSignal,
  ): Promise<OpenSession | undefined> {
    const former = this.#deps.rotation.fallBack();
    // One that works no more costs one refused login, and is not asked again.
    if (!former || former.gate.isSuspect) return undefined;
    // A server that does not answer one does not answer the other.
    const isElsewhere = !(options.path || options.host) && !former.isOfSameServerAs(current);
    if (!(failure instanceof LoginPaused) && !isElsewhere) return undefined;
    const socket = await former.open(options, signal).catch(() => undefined);
    if (!socket) return undefined;
    this.#begin(current, isElsewhere ? options : undefined);
    return { socket, login: former };
  }

  /** Whether a session stays on the server before: on the one of the credential in use it would be opened in vain. */
  keeps(login: VersionLogin): boolean {
    const { current } = this.#deps.rotation;
    if (!current || this.#failing !== current || login.isOfSameServerAs(current)) return false;
    return this.#deps.rotation.fallBack()?.isOfSameServerAs(login) ?? false;
  }

  /** A credential has logged in. */
  succeeded(login: VersionLogin): void {
    if (this.#failing !== login) return;
    this.#failing = undefined;
    this.#deps.onRecovered();
  }

  end(): void {
    this.#ending.abort();
  }

  #begin(current: VersionLogin, probed: SocketOptions | undefined): void {
    const { rotation } = this.#deps;
    const { logger, secretId } = rotation;
    if (this.#failing === current || rotation.current !== current) return;
    this.#failing = current;
    logger.warn({ secretId }, "New credential fails; operations fall back to the one before");
    void rotation.loginRefused();
    if (probed) void this.#probe(current, probed);
  }

  /** Sessions are long-lived: nobody else would come to know that the server answers. */
  async #probe(current: VersionLogin, options: SocketOptions): Promise<void> {
    const { rotation } = this.#deps;
    const { signal } = this.#ending;
    const backoff = createBackoff(PROBES);
    const isFailing = () => this.#failing === current && rotation.current === current;
    while (isFailing() && rotation.fallBack() && !signal.aborted) {
      await pause(backoff.next(), signal);
      const socket = await current.open(options, signal).catch(() => undefined);
      socket?.destroy();
      if (socket) this.succeeded(current);
    }
  }
}
