import { DependencyError } from "../../../shared/contract/errors.ts";
import type { Notice } from "../../../shared/contract/notice.ts";
import { RotationTrace, type Steps } from "../telemetry/rotation-trace.ts";
import type { Attempt, Failure, Trigger } from "./attempt.ts";
import { createBackoff } from "./backoff.ts";
import { describeError } from "./describe-error.ts";
import type { Logger } from "./logger.ts";
import { RefusedVersions, type RetryBudget } from "./refused-versions.ts";
import type { Adoption, Candidate } from "./rotating-resource.ts";
import { isAheadOfTurn, type SecretSource, type SecretVersion } from "./secret-source.ts";
import { VersionReader } from "./version-reader.ts";

/** What the watcher drives. */
export interface Adopter {
  readonly versionId: string | undefined;
  adopt(candidate: Candidate, isStillCurrent: () => Promise<boolean>, steps: Steps): Promise<Adoption>;
}

export interface SecretWatcherOptions {
  readonly secretId: string;
  readonly source: SecretSource;
  readonly resource: Adopter;
  /** Whether a refused login also tries the version that waits to become current. */
  readonly tryPending: boolean;
  /** For versions that the store refused. */
  readonly budget: RetryBudget;
  /** A version that is not in use is about to be tried. */
  readonly onDetected: (detected: Detected) => void;
  readonly onAttempted: (attempt: Attempt) => void;
  readonly logger: Logger;
}

export interface Detected {
  readonly version: SecretVersion;
  readonly trigger: Trigger;
  readonly notice: Notice | undefined;
}

interface Hint {
  readonly trigger: Trigger;
  readonly notice: Notice | undefined;
  readonly at: number;
}

const RETRY = { firstMs: 200, capMs: 10_000 };
const LOGIN_FAILURE_PACE = { firstMs: 40, capMs: 1_000 };

/**
 * Keeps a resource on the version that is AWSCURRENT. Hints, the poll and failed logins only say "look now"; one look
 * at a time, and whatever comes during a look makes for one more.
 */
export class SecretWatcher {
  readonly #options: SecretWatcherOptions;
  readonly #reader: VersionReader;
  readonly #refused: RefusedVersions;
  readonly #backoff = createBackoff(RETRY);
  /** Of looks after refused logins, which may come by the thousand and mostly find nothing new. */
  readonly #pace = createBackoff(LOGIN_FAILURE_PACE);
  #sameUntil = 0;
  readonly #stop = new AbortController();
  #next: Hint | undefined;
  #looking: Promise<void> | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #failure: Failure | undefined;
  #trying: string | undefined;
  /** What was logged of the outage that lasts. */
  #loggedReason: string | undefined;
  /** The version that was current when we went ahead of it, to the one that waited. */
  #wentAheadOf: string | undefined;

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

  /** Looks at what a notice says; one for the version in use costs nothing, unless we are about to leave it. */
  notice(notice: Notice): void {
    const isInUse = notice.versionId === this.#options.resource.versionId;
    if (!isInUse || this.#looking || this.#failure) void this.look("notice", notice);
  }

  /**
   * Closes the difference between what is current and what is in use. Resolves when that look, and all that came up
   * meanwhile, are done. Never rejects: see `failure`.
   */
  look(trigger: Trigger, notice?: Notice): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    // It knows nothing that the read that has just failed, or has just changed nothing, did not.
    if (trigger === "login-failure" && (this.#readIsDue || performance.now() < this.#sameUntil)) {
      return Promise.resolve();
    }
    // A notice knows more than a plain look; of two notices the later one is more likely right, and both are checked.
    if (notice || !this.#next?.notice) this.#next = { trigger, notice, at: performance.now() };
    return this.#begin();
  }

  #begin(): Promise<void> {
    this.#clearRetry();
    this.#looking ??= this.#work();
    return this.#looking;
  }

  /** Stops looking; resolves when a look under way has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#clearRetry();
    await this.#looking;
  }

  async #work(): Promise<void> {
    while (this.#next && !this.#stop.signal.aborted) {
      const hint = this.#next;
      this.#next = undefined;
      this.#trying = undefined;
      try {
        await RotationTrace.run(this.#options, hint, (trace) => this.#closeTheDifference(hint, trace));
        this.#backoff.reset();
        this.#loggedReason = undefined;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#failure = { error, versionId: this.#trying };
        this.#retryLater(hint, error);
      }
      if (hint.trigger === "login-failure") this.#sameUntil = performance.now() + this.#pace.next();
    }
    // In the same tick as the last look at what is next, or a hint could fall between.
    this.#looking = undefined;
  }

  #retryLater(hint: Hint, error: unknown): void {
    const retryInMs = Math.round(this.#backoff.next());
    this.#logFailure(error, { trigger: hint.trigger, retryInMs });
    this.#clearRetry();
    this.#retryTimer = setTimeout(() => {
      // The hint as it was: what it leads to took the time since it came.
      this.#next ??= hint;
      void this.#begin();
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
    const described = describeError(error);
    const level = described.reason === this.#loggedReason ? "debug" : "warn";
    this.#loggedReason = described.reason;
    logger[level]({ secretId, ...fields, ...described }, "Refresh failed");
  }

  async #closeTheDifference(hint: Hint, trace: RotationTrace): Promise<void> {
    const { resource, logger } = this.#options;
    // It may have been adopted since the hint came.
    if (hint.notice && hint.notice.versionId === resource.versionId && !this.#failure) return;
    const version = await trace.fetch(() => this.#read(hint));
    // A failure stands until a look has shown that it is over: whoever gives up meanwhile is told of it.
    if (!version || version.versionId === resource.versionId) {
      this.#failure = undefined;
      if (version) this.#wentAheadOf = undefined;
      return;
    }
    const key = keyOf(version);
    if (!this.#refused.mayTry(key)) {
      this.#failure = this.#refused.failureOf(key);
      if (!isAheadOfTurn(version)) this.#tellOfRefusal(key);
      return;
    }
    const { secretArn, versionId } = version;
    const detected = { version, trigger: hint.trigger, notice: noticeOf(hint, versionId) };
    const former = resource.versionId;
    if (former) this.#options.onDetected(detected);
    const fetchMs = tenths(performance.now() - hint.at);
    this.#trying = versionId;
    const adoption = await trace.adopt(versionId, () =>
      resource.adopt(version, () => this.#isStillCurrent(versionId), trace),
    );
    if (adoption.outcome === "superseded") {
      logger.info({ secretArn, versionId }, "Version was superseded and is dropped");
      // Whoever superseded it is looked at next; without a hint of it, AWSCURRENT tells.
      if (!this.#next && !this.#stop.signal.aborted) this.#next = { ...hint, notice: undefined };
      return;
    }
    if (adoption.outcome === "swapped") {
      this.#failure = undefined;
      this.#pace.reset();
      this.#sameUntil = 0;
      this.#leave(former, version);
      const timings = {
        fetchMs,
        verifyMs: tenths(adoption.verifyMs),
        ...(adoption.warmUpMs === undefined ? {} : { warmUpMs: tenths(adoption.warmUpMs) }),
        totalMs: tenths(performance.now() - hint.at),
      };
      this.#options.onAttempted({ ...detected, former, timings });
      return;
    }
    const { refusal } = adoption;
    const timings = { fetchMs, totalMs: tenths(performance.now() - hint.at) };
    this.#failure = { versionId, refusal, error: adoption.cause };
    this.#refused.record(key, { ...detected, former, timings, refusal }, this.#failure);
    // One that is not current yet may be told to the store a moment later: no fault of anybody.
    if (!isAheadOfTurn(version)) await this.#confirmRefusal(hint, versionId);
  }

  #leave(former: string | undefined, version: SecretVersion): void {
    this.#refused.clear();
    const isAhead = isAheadOfTurn(version);
    this.#wentAheadOf = isAhead ? former : undefined;
    // What we went ahead of is still current: a read that brings it is not stale.
    if (former && !isAhead) this.#reader.swapped(former, version.versionId);
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

  #read({ notice, trigger }: Hint): Promise<SecretVersion | undefined> {
    if (!notice) return this.#readWithoutNotice(trigger);
    return this.#reader.readNoticed(notice, {
      inUse: this.#options.resource.versionId,
      isInterrupted: () => this.#heardOfOtherThan(notice.versionId),
    });
  }

  async #readWithoutNotice(trigger: Trigger): Promise<SecretVersion | undefined> {
    const { resource, tryPending } = this.#options;
    const current = await this.#reader.readCurrent();
    const isLoginRefused = trigger === "login-failure";
    // Until its labels move, or the store will not have us any more, we stay ahead.
    if (!isLoginRefused && current.versionId === this.#wentAheadOf) return undefined;
    const isInUse = current.versionId === resource.versionId;
    const isKnownBad = isInUse ? isLoginRefused : this.#refused.failureOf(current.versionId) !== undefined;
    if (!tryPending || !isKnownBad) return current;
    const pending = await this.#reader.readPending();
    return pending && this.#refused.mayTry(keyOf(pending)) ? pending : current;
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

/** A version that was refused before its turn gets another login when its turn has come. */
function keyOf(version: SecretVersion): string {
  return isAheadOfTurn(version) ? `${version.versionId} ahead of its turn` : version.versionId;
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
