import type { Redacted } from "../../../shared/engines/redacted.ts";

export const CURRENT = "AWSCURRENT";
export const PENDING = "AWSPENDING";

/** One version of a secret, with the staging labels that it carried when it was read. */
export interface SecretVersion {
  readonly secretArn: string;
  readonly versionId: string;
  readonly labels: readonly string[];
  readonly value: Redacted;
}

/**
 * Where secrets are read. Errors are `DependencyError` where the same read may succeed later, and another
 * `KeyturnError` where somebody has to mend something first. The signal says that nobody waits for the answer any
 * more; a source may ignore it.
 */
export interface SecretSource {
  /** The version that carries AWSCURRENT. */
  readCurrent(secretId: string, signal?: AbortSignal): Promise<SecretVersion>;
  /** A certain version; undefined where the store does not know it (yet). */
  readVersion(secretId: string, versionId: string, signal?: AbortSignal): Promise<SecretVersion | undefined>;
  /** The version that carries AWSPENDING; undefined where none does. Needed for `tryPending` alone. */
  readPending?(secretId: string, signal?: AbortSignal): Promise<SecretVersion | undefined>;
  /** Where it reads, for the log and `health()`. Default `custom`. */
  readonly name?: string;
  /** What it holds never changes, so that nothing needs to be watched. */
  readonly isStatic?: boolean;
}

/** Not current yet. Sources that know no labels have nothing that waits. */
export function isAheadOfTurn({ labels }: SecretVersion): boolean {
  return labels.includes(PENDING) && !labels.includes(CURRENT);
}
