import { EventEmitter } from "node:events";
import { RotationTelemetry } from "../telemetry/rotation-telemetry.ts";
import type { Attempt, Failure } from "./attempt.ts";
import { pause } from "./backoff.ts";
import type { Channel, ChannelListener } from "./channel.ts";
import { describeError } from "./describe-error.ts";
import { findArn, firstLogin, startFailed } from "./first-login.ts";
import type { Instance } from "./instance.ts";
import type { Logger } from "./logger.ts";
import type { LoginBudget } from "./login-gate.ts";
import { Reporter } from "./reporter.ts";
import { type ResourceDriver, RotatingResource } from "./rotating-resource.ts";
import type { RotationDetected, RotationEvents } from "./rotation-events.ts";
import type { RotationSettings } from "./rotation-options.ts";
import type { SecretSource } from "./secret-source.ts";
import { type Detected, SecretWatcher } from "./secret-watcher.ts";

/** What a rotation needs of the world. */
export interface RotationPorts {
  readonly source: SecretSource;
  /** Absent where no channel is configured. */
  readonly createChannel: ((secretArn: string) => Channel) | undefined;
  readonly instance: Instance;
  readonly logger: Logger;
  /** Called when nothing is left, after `end()` or a start that failed. */
  readonly onEnded?: () => void;
}

/** What a store adds. */
export interface RotationParts<T> {
  readonly driver: ResourceDriver<T>;
  /** Counts refused logins; the driver records its own. */
  readonly budget: LoginBudget;
  /** Called in the tick of a swap, and of the first login. */
  readonly onSwapped?: (current: T) => void;
}

export type ChannelState = "up" | "down" | "none";

/** A start does not wait longer for the channel than this: reading the secret works without it. */
const CHANNEL_WAIT_MS = 2_000;
/** The poll while a channel stands: only for what the channel should lose. */
const POLL_BESIDE_CHANNEL_MS = 3_600_000;

/**
 * Follows one secret for one resource: subscribes, reads, logs in, and from then on keeps the resource on the version
 * that is current. What every store has in common; the store's driver does the rest.
 *
 * @example
 * const rotation = new Rotation(settings, ports, { driver, budget });
 * await rotation.start();
 * rotation.current; // what the driver made of the current version
 */
export class Rotation<T> {
  readonly events = new EventEmitter<RotationEvents>();
  /** Metrics; a store that has a pool adds its counts. */
  readonly telemetry: RotationTelemetry;
  readonly #settings: RotationSettings;
  readonly #ports: RotationPorts;
  readonly #resource: RotatingResource<T>;
  readonly #watcher: SecretWatcher;
  #reporter: Reporter;
  #channel: Channel | undefined;
  #channelState: ChannelState = "none";
  #refusedAtStart: Attempt | undefined;
  #lastRotatedAt: Date | undefined;
  #isReading = false;
  #hasStarted = false;

  constructor(settings: RotationSettings, ports: RotationPorts, parts: RotationParts<T>) {
    this.#settings = settings;
    this.#ports = ports;
    const { secretId, drainTimeoutMs, tryPending } = settings;
    const { source, logger } = ports;
    const { driver, budget, onSwapped } = parts;
    this.#resource = new RotatingResource<T>({
      driver,
      drainTimeoutMs,
      logger,
      onSwapped: (current) => onSwapped?.(current),
      onDrained: (drained) => this.#emit("drained", { secretId, ...drained }),
    });
    this.#watcher = new SecretWatcher({
      secretId,
      source,
      resource: this.#resource,
      tryPending,
      budget,
      logger,
      onDetected: (detected) => this.#detected(detected),
      onAttempted: (attempt) => this.#attempted(attempt),
    });
    this.#reporter = new Reporter(ports.instance, undefined);
    budget.onRefused = () => this.#emit("login-refused", { secretId });
    this.telemetry = new RotationTelemetry(this);
  }

  /** What the driver made of the version in use; undefined before the first login. */
  get current(): T | undefined {
    return this.#resource.current;
  }

  /** See `RotatingResource.fallBack`. */
  fallBack(): T | undefined {
    return this.#resource.fallBack();
  }

  /** Former versions that are not closed yet. */
  get draining(): readonly T[] {
    return this.#resource.draining;
  }

  /** Connections of former versions that somebody holds. */
  get heldByRetired(): number {
    return this.#resource.heldByRetired;
  }

  get secretId(): string {
    return this.#settings.secretId;
  }

  get versionId(): string | undefined {
    return this.#resource.versionId;
  }

  /** When the version in use came into use here, where another one was before. */
  get lastRotatedAt(): Date | undefined {
    return this.#lastRotatedAt;
  }

  get channel(): ChannelState {
    return this.#channelState;
  }

  /** Name of the source of secrets. */
  get source(): string {
    return this.#ports.source.name ?? "custom";
  }

  get logger(): Logger {
    return this.#ports.logger;
  }

  /** Why the newest version that was seen is not in use; undefined where it is. */
  get failure(): Failure | undefined {
    return this.#watcher.failure;
  }

  /**
   * Resolves after a first login.
   *
   * @throws CredentialRejectedError, DependencyError or another KeyturnError where no version logs in within
   * `authWaitMs`; nothing is left open then
   */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.end();
      throw error;
    }
    this.#hasStarted = true;
    this.#poll();
    const { secretId, refreshIntervalMs } = this.#settings;
    this.#ports.logger.info(
      { secretId, source: this.source, refreshIntervalMs, channel: this.#channelState },
      "Watch started",
    );
  }

  async #start(): Promise<void> {
    const { source, createChannel, instance } = this.#ports;
    if (createChannel) {
      this.#channel = createChannel(await findArn(this.#settings, source));
      this.#channelState = "down";
    }
    this.#reporter = new Reporter(instance, this.#channel);
    await this.#subscribe();
    this.#isReading = true;
    const failure = await firstLogin(this.#watcher, this.#resource, this.#settings.authWaitMs);
    if (!failure) return;
    if (this.#refusedAtStart && failure.refusal) this.#reporter.report(this.#refusedAtStart);
    throw startFailed(failure, this.#settings);
  }

  /** Looks whether there is a new version, now: a login was refused. Never rejects. */
  async loginRefused(): Promise<void> {
    await this.#watcher.look("login-failure");
  }

  /** @param finish lets what is in use end in order */
  async end(finish: (current: T) => Promise<void> = async () => undefined): Promise<void> {
    this.telemetry.end();
    const finished = this.#resource.end(finish);
    await this.#watcher.stop();
    await this.#channel?.close();
    await finished;
    this.#ports.onEnded?.();
  }

  /** Opens the channel; resolves when it is subscribed, or when that takes too long to wait for. */
  async #subscribe(): Promise<void> {
    if (!this.#channel) return;
    const subscribed = new AbortController();
    const listener: ChannelListener = {
      noticed: (notice) => {
        // Before the first read a notice has nothing to tell: that read comes after it.
        if (this.#isReading) this.#watcher.notice(notice);
      },
      subscribed: () => {
        subscribed.abort();
        this.#channelStands();
      },
      lost: (reason) => this.#channelIsLost(reason),
    };
    this.#channel.open(listener);
    await pause(CHANNEL_WAIT_MS, subscribed.signal);
  }

  #channelStands(): void {
    const wasDown = this.#channelState === "down" && this.#hasStarted;
    this.#channelState = "up";
    this.#poll();
    if (!this.#isReading) return;
    const read = this.#watcher.look("reconnect");
    this.#reporter.repeat();
    if (wasDown) void read.then(() => this.#emit("recovered", { secretId: this.secretId }));
  }

  #channelIsLost(reason: string): void {
    this.#channelState = "down";
    this.#poll();
    this.#emit("degraded", { secretId: this.secretId, reason });
  }

  #poll(): void {
    if (!this.#hasStarted || this.#ports.source.isStatic) return;
    const { refreshIntervalMs } = this.#settings;
    // A version that was refused is tried again with time, and no notice will say when.
    const isQuiet = this.#channelState === "up" && !this.failure;
    this.#watcher.pollEvery(
      isQuiet ? Math.max(POLL_BESIDE_CHANNEL_MS, refreshIntervalMs) : refreshIntervalMs,
    );
  }

  #detected(detected: Detected): void {
    const event = this.#describe(detected);
    const { secretArn, versionId, trigger } = event;
    this.#ports.logger.info({ secretArn, versionId, trigger }, "Rotation detected");
    this.#emit("rotation-detected", event);
  }

  #attempted(attempt: Attempt): void {
    const { logger } = this.#ports;
    const { version, trigger, timings, refusal, former } = attempt;
    const fields = { secretArn: version.secretArn, versionId: version.versionId, trigger, ...timings };
    const told = { ...this.#describe(attempt), timings };
    if (!refusal) {
      if (former) this.#lastRotatedAt = new Date();
      logger.info(fields, "Credential is in use");
      this.#emit("swapped", { ...told, previousVersionId: former });
    } else {
      const reason = { code: refusal.code, reason: refusal.message };
      if (!this.current) {
        // In the middle of a rotation a refusal is to be expected; it is reported if the start gives up on it.
        logger.info({ ...fields, ...reason }, "Credential was refused; waiting for another one");
        this.#refusedAtStart = attempt;
        return;
      }
      logger.warn({ ...fields, ...reason }, "Credential was rejected; the old one stays in use");
      this.#emit("rejected", { ...told, reason: refusal });
    }
    this.#reporter.report(attempt);
    this.#poll();
  }

  #describe({ version, trigger, notice }: Detected): RotationDetected {
    return {
      secretId: this.secretId,
      secretArn: version.secretArn,
      versionId: version.versionId,
      trigger,
      ...(notice && { currentSince: notice.currentSince }),
      ...(notice?.traceparent !== undefined && { traceparent: notice.traceparent }),
    };
  }

  /** A listener's fault is the application's, and must not stop a rotation half-way. */
  #emit<K extends keyof RotationEvents>(name: K, event: RotationEvents[K][0]): void {
    for (const listener of this.events.rawListeners(name)) {
      new Promise((resolve) => resolve(Reflect.apply(listener, this.events, [event]))).catch((error) =>
        this.#ports.logger.error({ event: name, ...describeError(error) }, "A listener has failed"),
      );
    }
  }
}
