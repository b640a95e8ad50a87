import { EventEmitter } from "node:events";
import { DependencyError, KeyturnError } from "../../../shared/contract/errors.ts";
import type { Redacted } from "../../../shared/engines/redacted.ts";
import { pause } from "../core/backoff.ts";
import { describeError } from "../core/describe-error.ts";
import { checkHealth, type Health, type HealthOptions } from "../core/health.ts";
import { LoginBudget } from "../core/login-gate.ts";
import type { ResourceDriver } from "../core/rotating-resource.ts";
import { Rotation } from "../core/rotation.ts";
import type { RotationEvents } from "../core/rotation-events.ts";
import { LONGEST_TIMER_MS, type RotationSettings } from "../core/rotation-options.ts";
import type { RotationPorts } from "../core/rotation-ports.ts";

/** One version of a secret, as its user sees it. */
export interface SecretValue<T> {
  readonly versionId: string;
  readonly value: T;
}

export interface WatchedSecretHooks<T> {
  readonly parse: (secret: Redacted) => T;
  readonly verify: ((value: T) => unknown) | undefined;
  readonly onRotate: ((current: SecretValue<T>, previous: SecretValue<T>) => unknown) | undefined;
  readonly graceMs: number;
}

interface Held<T> extends SecretValue<T> {
  readonly closed: AbortController;
}

/** Between the end of the grace period and the moment at which a former version counts as forgotten by mistake. */
const SLACK_MS = 1_000;

/** A secret that no connection hangs on: an API key, a signing key. Made by `watchSecret`. */
export class WatchedSecret<T> extends EventEmitter<RotationEvents> {
  readonly #rotation: Rotation<Held<T>>;
  readonly #hooks: WatchedSecretHooks<T>;
  #previous: Held<T> | undefined;

  constructor(settings: RotationSettings, ports: RotationPorts, hooks: WatchedSecretHooks<T>) {
    super();
    this.#hooks = hooks;
    const drainTimeoutMs = Math.min(hooks.graceMs + SLACK_MS, LONGEST_TIMER_MS);
    this.#rotation = new Rotation({ ...settings, drainTimeoutMs }, ports, {
      driver: createDriver(hooks),
      budget: new LoginBudget(settings.maxLoginTries),
      onSwapped: (held) => this.#swapped(held),
    });
    this.#rotation.emitBy(this);
  }

  /** The version in use: what to sign or to authenticate with. */
  get current(): SecretValue<T> {
    const { current } = this.#rotation;
    if (!current) throw new Error("The secret has not been read yet");
    return current;
  }

  /** All versions that are still good for checking: the one in use, then former ones within the grace period. */
  get valid(): readonly SecretValue<T>[] {
    return [this.current, ...this.#rotation.draining.toReversed()];
  }

  /** Tells how the rotation stands. Never throws. */
  health(options?: HealthOptions): Promise<Health> {
    return checkHealth(this.#rotation, async () => this.current, options);
  }

  /** The other side refused the secret: looks whether there is a new version. Resolves when it was looked. */
  refused(): Promise<void> {
    return this.#rotation.loginRefused();
  }

  /** Stops following the secret. */
  async close(): Promise<void> {
    for (const { closed } of this.#rotation.draining) closed.abort();
    await this.#rotation.end();
  }

  /** Reads the secret for the first time. For `watchSecret`. */
  start(): Promise<void> {
    return this.#rotation.start();
  }

  #swapped(current: Held<T>): void {
    const previous = this.#previous;
    this.#previous = current;
    const { onRotate } = this.#hooks;
    if (!previous || !onRotate) return;
    new Promise((resolve) => resolve(onRotate(current, previous))).catch((error) =>
      this.#rotation.logger.error(describeError(error), "onRotate has failed"),
    );
  }
}

function createDriver<T>({ parse, verify, graceMs }: WatchedSecretHooks<T>): ResourceDriver<Held<T>> {
  return {
    connect: (secret, versionId) => ({ versionId, value: parse(secret), closed: new AbortController() }),
    verify: async ({ value }) => void (await verify?.(value)),
    // Former versions are kept for checking what was signed with them.
    retire: ({ closed }) => pause(graceMs, closed.signal),
    inUse: () => 0,
    close: ({ closed }) => closed.abort(),
    refusal(error) {
      if (error instanceof DependencyError) return undefined;
      const code = error instanceof KeyturnError ? error.code : "SECRET_REFUSED";
      return { code, message: "The service will not have this value" };
    },
  };
}
