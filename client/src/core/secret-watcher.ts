import { DependencyError, KeyturnError } from "../../../shared/contract/errors.ts";
import type { Notice } from "../../../shared/contract/notice.ts";
import type { Attempt, Failure, Trigger } from "./attempt.ts";
import { createBackoff } from "./backoff.ts";
import type { Logger } from "./logger.ts";
import { RefusedVersions, type RetryBudget } from "./refused-versions.ts";
import type { Adoption, Candidate } from "./rotating-resource.ts";
import type { SecretSource, SecretVersion } from "./secret-source.ts";
import { VersionReader } from "./version-reader.ts";

/** What the watcher drives. */
export interface Adopter {
  readonly versionId: string | undefined;
  adopt(candidate: Candidate, isStillCurrent: () => Promise<boolean>): Promise<Adoption>;
}

export interface SecretWatcherOptions {
  readonly secretId: string;
  readonly source: SecretSource;
  readonly resource: Adopter;
  readonly refreshIntervalMs: number;
  /** For versions that the store refused. */
  readonly budget: RetryBudget;
  readonly onAttempted: (attempt: Attempt) => void;
  readonly logger: Logger;
}

interface Hint {
  readonly trigger: Trigger;
  readonly notice: Notice | undefined;
  readonly at: number;
}

const RETRY = { firstMs: 200, capMs: 10_000 };

/**
 * Keeps a resource on the version that is AWSCURRENT. Hints, the poll and failed logins only say "look now"; one look
 * at a time, and whatever comes during a look makes for one more.
 */
export class SecretWatcher {
  readonly #options: SecretWatcherOptions;
  readonly #reader: VersionReader;
  readonly #refused: RefusedVersions;
  readonly #backoff = createBackoff(RETRY);
  readonly #stop = new AbortController();
  #next: Hint | undefined;
  #looking: Promise<void> | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #failure: Failure | undefined;
  /** What was logged of the outage that lasts. */
  #loggedReason: string | undefined;

  constructor(options: SecretWatcherOptions) {
    this.#options = options;
    const { secretId, source, budget } = options;
    this.#reader = new VersionReader({ secretId, source, stopped: this.#stop.signal });
    this.#refused = new RefusedVersions(budget);
  }

  /** What the last look failed on; undefined where it found nothing to do, or did it. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** Starts the poll. */
  start(): void {
    const intervalMs = this.#options.refreshIntervalMs * (0.9 + Math.random() * 0.1);
    this.#pollTimer = setTimeout(() => {
      void this.look("poll");
      this.start();
    }, intervalMs);
    this.#pollTimer.unref();
  }

  /** Looks at what a notice says; one for the version in use costs nothing. */
  notice(notice: Notice): void {
    if (notice.versionId !== this.#options.resource.versionId) void this.look("notice", notice);
  }

  /**
   * Closes the difference between what is current and what is in use. Resolves when that look, and all that came up
   * meanwhile, are done. Never rejects: see `failure`.
   */
  look(trigger: Trigger, notice?: Notice): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    // It knows nothing that the read that has just failed did not: the retry is soon enough.
    if (trigger === "login-failure" && this.#readIsDue) return Promise.resolve();
    // A notice knows more than a plain look; of two notices the later one is more likely right, and both are checked.
    if (notice || !this.#next?.notice) this.#next = { trigger, notice, at: performance.now() };
    this.#clearRetry();
    this.#looking ??= this.#work().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Stops looking; resolves when a look under way has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#pollTimer);
    this.#clearRetry();
    await this.#looking;
  }

  async #work(): Promise<void> {
    while (this.#next && !this.#stop.signal.aborted) {
      const hint = this.#next;
      this.#next = undefined;
      try {
        this.#failure = undefined;
        await this.#closeTheDifference(hint);
        this.#backoff.reset();
        this.#loggedReason = undefined;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#failure = { error };
        this.#retryLater(hint, error);
      }
    }
  }

  #retryLater(hint: Hint, error: unknown): void {
    const retryInMs = Math.round(this.#backoff.next());
    this.#logFailure(error, { trigger: hint.trigger, retryInMs });
    this.#clearRetry();
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      void this.look(hint.trigger, hint.notice);
    }, retryInMs);
    this.#retryTimer.unref();
    if (this.#readIsDue && this.#next?.trigger === "login-failure") this.#next = undefined;
  }

  /** Whether a read has failed and will be repeated by itself. */
  get #readIsDue(): boolean {
    return this.#retryTimer !== undefined && this.#failure?.error instanceof DependencyError;
  }

  #clearRetry(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
  }

  /** Warns once for as long as it goes on for the same reason. */
  #logFailure(error: unknown, fields: object): void {
    const { secretId, logger } = this.#options;
    const described = describe(error);
    const level = described.reason === this.#loggedReason ? "debug" : "warn";
    this.#loggedReason = described.reason;
    logger[level]({ secretId, ...fields, ...described }, "Refresh failed");
  }

  async #closeTheDifference(hint: Hint): Promise<void> {
    const { resource, logger } = this.#options;
    // It may have been adopted since the hint came.
    if (hint.notice !== undefined && hint.notice.versionId === resource.versionId) return;
    const version = await this.#read(hint);
    if (!version || version.versionId === resource.versionId) return;
    if (!this.#refused.mayTry(version.versionId)) {
      this.#failure = this.#refused.failureOf(version.versionId);
      this.#tellOfRefusal(version.versionId);
      return;
    }
    const { secretArn, versionId } = version;
    if (resource.versionId) logger.info({ secretArn, versionId, trigger: hint.trigger }, "Rotation detected");
    const former = resource.versionId;
    const fetchMs = tenths(performance.now() - hint.at);
    const adoption = await resource.adopt(version, () => this.#isStillCurrent(versionId));
    if (adoption.outcome === "superseded") {
      logger.info({ secretArn, versionId }, "Version was superseded and is dropped");
      // Whoever superseded it is looked at next; without a hint of it, AWSCURRENT tells.
      if (!this.#next && !this.#stop.signal.aborted) this.#next = { ...hint, notice: undefined };
      return;
    }
    const attempt = { version, trigger: hint.trigger, notice: noticeOf(hint, versionId) };
    if (adoption.outcome === "swapped") {
      if (former) this.#reader.swapped(former, versionId);
      this.#refused.clear();
      const timings = {
        fetchMs,
        verifyMs: tenths(adoption.verifyMs),
        totalMs: tenths(performance.now() - hint.at),
      };
      this.#options.onAttempted({ ...attempt, timings });
      return;
    }
    const { refusal } = adoption;
    const timings = { fetchMs, totalMs: tenths(performance.now() - hint.at) };
    this.#failure = { refusal, error: adoption.cause };
    this.#refused.record({ ...attempt, timings, refusal }, this.#failure);
    await this.#confirmRefusal(hint, versionId);
  }

  /**
   * A refused version is told of only while it is current. The next rotation's password may be in the store already:
   * then it is that one's turn, and nothing is wrong. Or the read that brought the refused one was stale.
   */
  async #confirmRefusal(hint: Hint, versionId: string): Promise<void> {
    const current = await this.#reader.readCurrent().catch(() => undefined);
    const isInUse = current !== undefined && current.versionId === this.#options.resource.versionId;
    if (current && current.versionId !== versionId && !isInUse) {
      this.#next ??= { ...hint, notice: undefined };
      return;
    }
    // Which of two reads is the stale one, only a notice tells; else the next read that brings the version does.
    if (!isInUse || hint.notice?.versionId === versionId) this.#tellOfRefusal(versionId);
  }

  #tellOfRefusal(versionId: string): void {
    const attempt = this.#refused.takeUntold(versionId);
    if (attempt) this.#options.onAttempted(attempt);
  }

  #read({ notice }: Hint): Promise<SecretVersion | undefined> {
    if (!notice) return this.#reader.readCurrent();
    return this.#reader.readNoticed(notice, {
      inUse: this.#options.resource.versionId,
      isInterrupted: () => this.#heardOfOtherThan(notice.versionId),
    });
  }

  /** Reads again only where something else was heard of since: the login has just shown that the version works. */
  async #isStillCurrent(versionId: string): Promise<boolean> {
    if (!this.#heardOfOtherThan(versionId)) return true;
    try {
      return (await this.#reader.readCurrent()).versionId === versionId;
    } catch {
      return true;
    }
  }

  #heardOfOtherThan(versionId: string): boolean {
    const heard = this.#next?.notice?.versionId;
    return heard !== undefined && heard !== versionId;
  }
}

/** A look that was started by a notice may end on another version: then the notice's times are not its own. */
function noticeOf(hint: Hint, versionId: string): Notice | undefined {
  return hint.notice?.versionId === versionId ? hint.notice : undefined;
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** Names and codes only: a driver's message may carry more than we would write. */
function describe(error: unknown): { code?: string; reason: string } {
  if (!(error instanceof Error)) return { reason: String(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return {
    ...(code === undefined ? {} : { code }),
    reason: error instanceof KeyturnError ? error.message : error.name,
  };
}
