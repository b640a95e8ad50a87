import { DependencyError } from "../../shared/contract/errors.ts";
import type { Notice } from "../../shared/contract/notice.ts";
import { createBackoff, pause } from "./backoff.ts";
import { CURRENT, type SecretSource, type SecretVersion } from "./secret-source.ts";

const NOTICED_READ = { firstMs: 50, capMs: 1_000 };
const NOTICED_READ_MS = 5_000;
/** For so long after a swap, a read that brings back the former version is taken for a stale one. */
const STALE_READ_MS = 10_000;

export interface NoticedRead {
  readonly inUse: string | undefined;
  /** Whether there is something better to look at by now. */
  readonly isInterrupted: () => boolean;
  readonly stopped: AbortSignal;
}

/**
 * Reads what is current, knowing that reads of Secrets Manager are eventually consistent: for some time after a
 * rotation, a version may not be there yet, or may not be current yet, or the former one may still seem to be.
 */
export class VersionReader {
  readonly #secretId: string;
  readonly #source: SecretSource;
  #former: { readonly versionId: string; readonly at: number } | undefined;

  constructor(secretId: string, source: SecretSource) {
    this.#secretId = secretId;
    this.#source = source;
  }

  /** A swap has just left this version behind. */
  leftBehind(versionId: string): void {
    this.#former = { versionId, at: performance.now() };
  }

  /** @throws DependencyError where the read fails, or brings the version that was left behind a moment ago */
  async readCurrent(): Promise<SecretVersion> {
    const version = await this.#source.readCurrent(this.#secretId);
    const former = this.#former;
    if (former?.versionId === version.versionId && performance.now() - former.at < STALE_READ_MS) {
      throw new DependencyError("The read brought the version from before the last swap; it may be stale");
    }
    return version;
  }

  /** The version that a notice names, once it is current; another new one that is; or undefined where there is none. */
  async readNoticed(
    notice: Notice,
    { inUse, isInterrupted, stopped }: NoticedRead,
  ): Promise<SecretVersion | undefined> {
    const backoff = createBackoff(NOTICED_READ);
    const giveUpAt = performance.now() + NOTICED_READ_MS;
    for (;;) {
      const noticed = await this.#source.readVersion(this.#secretId, notice.versionId);
      if (noticed?.labels.includes(CURRENT)) return noticed;
      const current = await this.readCurrent();
      // Another new version: the notice was superseded. AWSPREVIOUS: it was late. Else our reads are behind it.
      if (current.versionId !== inUse) return current;
      if (noticed?.labels.includes("AWSPREVIOUS")) return undefined;
      if (performance.now() >= giveUpAt || isInterrupted() || stopped.aborted) return undefined;
      await pause(backoff.next(), stopped);
    }
  }
}
