import type { EventEmitter } from "node:events";
import type { Notice } from "../../../shared/contract/notice.ts";
import { RotationTelemetry } from "../telemetry/rotation-telemetry.ts";
import type { Attempt, Failure } from "./attempt.ts";
import { pause } from "./backoff.ts";
import type { Channel, ChannelListener } from "./channel.ts";
import { findArn, firstLogin, startFailed } from "./first-login.ts";
import type { Logger } from "./logger.ts";
import type { LoginBudget } from "./login-gate.ts";
import { Poll } from "./poll.ts";
import { Reporter } from "./reporter.ts";
import { type ResourceDriver, RotatingResource } from "./rotating-resource.ts";
import type { RotationEvents } from "./rotation-events.ts";
import { RotationNews } from "./rotation-news.ts";
import type { RotationSettings } from "./rotation-options.ts";
import type { RotationPorts } from "./rotation-ports.ts";
import { SecretWatcher } from "./secret-watcher.ts";

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
  /** Counts refused logins. */
  protected readonly budget: LoginBudget;
  readonly #news: RotationNews;
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
  #hasEnded = false;
  #noticeAtStart: Notice | undefined;
  #channelArn: string | undefined;
  readonly #poll: Poll;

  constructor(settings: RotationSettings, ports: RotationPorts, parts: RotationParts<T>) {
    this.#settings = settings;
    this.#ports = ports;
    const { secretId, drainTimeoutMs, tryPending } = settings;
    const { source, logger } = ports;
    this.#news = new RotationNews(secretId, logger);
    const { driver, budget, onSwapped } = parts;
    this.budget = budget;
    this.#resource = new RotatingResource<T>({
      driver,
      drainTimeoutMs,
      logger,
      onSwapped: (current) => {
        this.#news.swapping();
        onSwapped?.(current);
      },
      onDrained: (drain) => this.#news.drained(drain),
    });
    this.#watcher = new SecretWatcher({
      secretId,
      source,
      resource: this.#resource,
      tryPending,
      budget,
      logger,
      onDetected: (detected) => this.#news.detected(detected),
      onAttempted: (attempt) => this.#attempted(attempt),
    });
    this.#poll = new Poll(
      () => void this.#watcher.look("poll"),
      () => this.#pollIntervalMs,
    );
    this.#reporter = new Reporter(ports.instance, undefined);
    budget.onRefused = () => this.#news.loginRefused();
    this.telemetry = new RotationTelemetry(this);
  }

  /** Tells of each step. What a listener throws is logged, and stops nothing. */
  get events(): EventEmitter<RotationEvents> {
    return this.#news.events;
  }

  /** Has what the application holds emit the events too. */
  emitBy(emitter: Pick<EventEmitter, "rawListeners">): void {
    this.#news.emitBy(emitter);
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

  get hasEnded(): boolean {
    return this.#hasEnded;
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
    this.#restartPoll();
    const { secretId, refreshIntervalMs } = this.#settings;
    this.#ports.logger.info(
      { secretId, source: this.source, refreshIntervalMs, channel: this.#channelState },
      "Watch started",
    );
    if (this.#noticeAtStart) this.#watcher.notice(this.#noticeAtStart);
  }

  async #start(): Promise<void> {
    const { source, createChannel, instance } = this.#ports;
    if (createChannel) {
      this.#channelArn = await findArn(this.#settings, source);
      this.#channel = createChannel(this.#channelArn);
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
    this.#hasEnded = true;
    this.telemetry.end();
    this.#poll.stop();
    const closed = await Promise.allSettled([
      this.#resource.end(finish),
      this.#watcher.stop().then(() => this.#channel?.close()),
    ]);
    this.#ports.onEnded?.();
    for (const part of closed) if (part.status === "rejected") throw part.reason;
  }

  /** Opens the channel; resolves when it is subscribed, or when that takes too long to wait for. */
  async #subscribe(): Promise<void> {
    if (!this.#channel) return;
    const subscribed = new AbortController();
    const listener: ChannelListener = {
      noticed: (notice) => {
        // Told of after the start: that read comes later, but it may be behind.
        if (this.#hasStarted) this.#watcher.notice(notice);
        else this.#noticeAtStart = notice;
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
    this.#restartPoll();
    if (!this.#isReading) return;
    const read = this.#watcher.look("reconnect");
    this.#reporter.repeat();
    if (wasDown) void read.then(() => this.#news.recovered());
  }

  #channelIsLost(reason: string): void {
    this.#channelState = "down";
    this.#restartPoll();
    this.#news.degraded(reason);
  }

  #restartPoll(): void {
    if (this.#hasStarted && !this.#hasEnded && !this.#ports.source.isStatic) this.#poll.restart();
  }

  get #pollIntervalMs(): number {
    const { refreshIntervalMs } = this.#settings;
    // A version that was refused is tried again with time, and no notice will say when.
    const isQuiet = this.#channelState === "up" && !this.failure;
    return isQuiet ? Math.max(POLL_BESIDE_CHANNEL_MS, refreshIntervalMs) : refreshIntervalMs;
  }

  #attempted(attempt: Attempt): void {
    const { version, refusal, former } = attempt;
    this.#checkChannel(version.secretArn);
    if (!refusal) {
      if (former) this.#lastRotatedAt = new Date();
      this.#news.swapped(attempt);
    } else if (this.current) {
      this.#news.rejected(attempt, refusal);
    } else {
      this.#news.refusedAtStart(attempt, refusal);
      // It is reported if the start gives up on it.
      this.#refusedAtStart = attempt;
      return;
    }
    this.#reporter.report(attempt);
    this.#restartPoll();
  }

  /** Somebody gave an ARN that is not the secret's own: its topic is another one. */
  #checkChannel(secretArn: string): void {
    if (this.#channelArn === undefined || this.#channelArn === secretArn) return;
    const { secretId, source } = this;
    this.#ports.logger.warn(
      { secretId, secretArn, source },
      "The secret has another ARN than the one given; its notices are not heard",
    );
    this.#channelArn = undefined;
  }
}
