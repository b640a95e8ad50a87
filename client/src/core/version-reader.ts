import { DependencyError } from "../../../shared/contract/errors.ts";
import type { Notice } from "../../../shared/contract/notice.ts";
import { createBackoff, pause } from "./backoff.ts";
import { withDeadline } from "./deadline.ts";
import { CURRENT, type SecretSource, type SecretVersion } from "./secret-source.ts";

/** No read takes longer: one that hangs would keep us from hearing of anything else. */
export const READ_TIMEOUT_MS = 5_000;
const NOTICED_READ = { firstMs: 50, capMs: 1_000 };
const NOTICED_READ_MS = 5_000;
const UNSEEN_MS = 120_000;
/** For so long after a swap, a read that brings back a former version is taken for a stale one. */
const STALE_READ_MS = 10_000;

export interface NoticedRead {
  readonly inUse: string | undefined;
  /** Whether there is something better to look at by now. */
  readonly isInterrupted: () => boolean;
}

export interface VersionReaderOptions {
  readonly secretId: string;
  readonly source: SecretSource;
  /** Ends a read under way. */
  readonly stopped: AbortSignal;
}

/**
 * Reads what is current, knowing that reads of Secrets Manager are eventually consistent: for some time after a
 * rotation, a version may not be there yet, or may not be current yet, or a former one may still seem to be.
 */
export class VersionReader {
  readonly #options: VersionReaderOptions;
  /** When each version was left. Several may be stale at once, where rotations follow each other quickly. */
  readonly #left = new Map<string, Date>();

  #unseen: { readonly versionId: string; readonly since: number } | undefined;

  constructor(options: VersionReaderOptions) {
    this.#options = options;
  }

  swapped(from: string, to: string): void {
    for (const versionId of this.#left.keys()) this.#leftMomentsAgo(versionId);
    this.#left.delete(to);
    this.#left.set(from, new Date());
    this.#unseen = undefined;
  }

  /** @throws DependencyError where the read fails or hangs, or brings a version that was left a moment ago */
  async readCurrent(): Promise<SecretVersion> {
    const version = await this.#read((source, secretId, signal) => source.readCurrent(secretId, signal));
    if (this.#leftMomentsAgo(version.versionId)) {
      throw new DependencyError("The read brought a version from before the last swap; it may be stale");
    }
    return version;
  }

  /** The version that waits to become current; undefined where there is none, or the source knows none. */
  readPending(): Promise<SecretVersion | undefined> {
    return this.#read(async (source, secretId, signal) => source.readPending?.(secretId, signal));
  }

  /**
   * The version that a notice names, once it is current; another new one that is; or undefined where there is none.
   *
   * @throws DependencyError where a read fails, or the version is not to be seen yet
   */
  async readNoticed(
    notice: Notice,
    { inUse, isInterrupted }: NoticedRead,
  ): Promise<SecretVersion | undefined> {
    const { stopped } = this.#options;
    const backoff = createBackoff(NOTICED_READ);
    // Fast at first; when it is repeated it looks once.
    const giveUpAt = this.#unseenSince(notice) + NOTICED_READ_MS;
    for (;;) {
      const noticed = await this.#read((source, secretId, signal) =>
        source.readVersion(secretId, notice.versionId, signal),
      );
      if (noticed?.labels.includes(CURRENT) && !this.#isLate(notice)) return noticed;
      const current = await this.readCurrent();
      // Another new version: the notice was superseded. AWSPREVIOUS or no label: it was late. Else our reads are behind it.
      if (current.versionId !== inUse) return current;
      if (noticed && (noticed.labels.length === 0 || noticed.labels.includes("AWSPREVIOUS")))
        return undefined;
      if (isInterrupted() || stopped.aborted || this.#isForged(notice)) return undefined;
      if (performance.now() >= giveUpAt) {
        throw new DependencyError("The version that the notice names is not to be seen yet");
      }
      await pause(backoff.next(), stopped);
    }
  }

  /** When we began to look for it. */
  #unseenSince({ versionId }: Notice): number {
    if (this.#unseen?.versionId !== versionId) this.#unseen = { versionId, since: performance.now() };
    return this.#unseen.since;
  }

  /** No read is behind for that long: the notice names a version that never was. */
  #isForged(notice: Notice): boolean {
    return performance.now() - this.#unseenSince(notice) > UNSEEN_MS;
  }

  /** A notice from before the version was left, which comes once more, and a stale read would take us back to it. */
  #isLate({ versionId, currentSince }: Notice): boolean {
    const left = this.#leftMomentsAgo(versionId);
    return left !== undefined && Date.parse(currentSince) <= left.getTime();
  }

  #leftMomentsAgo(versionId: string): Date | undefined {
    const left = this.#left.get(versionId);
    if (left && Date.now() - left.getTime() < STALE_READ_MS) return left;
    this.#left.delete(versionId);
    return undefined;
  }

  #read<T>(read: (source: SecretSource, secretId: string, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { source, secretId, stopped } = this.#options;
    return withDeadline({ ms: READ_TIMEOUT_MS, stopped, who: "The source of the secret" }, (signal) =>
      read(source, secretId, signal),
    );
  }
}
