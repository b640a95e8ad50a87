import { vi } from "vitest";
import type { Attempt } from "../../../../client/src/core/attempt.ts";
import type { Adoption } from "../../../../client/src/core/rotating-resource.ts";
import type { SecretSource, SecretVersion } from "../../../../client/src/core/secret-source.ts";
import { SecretWatcher } from "../../../../client/src/core/secret-watcher.ts";
import type { Notice } from "../../../../shared/contract/notice.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";

const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf";
export const refusal = { code: "28P01", message: "no" };

/** A notice that comes right after the label moved. */
export function noticeFor(versionId: string): Notice {
  const now = new Date().toISOString();
  return {
    v: 1,
    kind: "credential-rotated",
    secretArn,
    versionId,
    currentSince: now,
    noticedAt: now,
  };
}

/** The store of secrets, with what a reader sees of it: labels may lag behind. */
class FakeSecrets implements SecretSource {
  readonly labels = new Map<string, string[]>([["v1", ["AWSCURRENT"]]]);
  readonly reads: string[] = [];
  failure: Error | undefined;
  /** The next read never answers. */
  hangsOnce = false;
  /** What the next reads of AWSCURRENT bring, whatever is current: an answer from a replica that is behind, or ahead. */
  readonly shown: string[] = [];

  promote(versionId: string): void {
    for (const [id, labels] of this.labels) {
      if (labels.includes("AWSCURRENT")) this.labels.set(id, ["AWSPREVIOUS"]);
    }
    this.labels.set(versionId, ["AWSCURRENT"]);
  }

  readCurrent(): Promise<SecretVersion> {
    const current = [...this.labels].find(([, labels]) => labels.includes("AWSCURRENT"));
    return this.#read(this.shown.shift() ?? current?.[0] ?? "none", "current") as Promise<SecretVersion>;
  }

  readVersion(_secretId: string, versionId: string): Promise<SecretVersion | undefined> {
    return this.#read(versionId, versionId);
  }

  async #read(versionId: string, asked: string): Promise<SecretVersion | undefined> {
    this.reads.push(asked);
    if (this.hangsOnce) {
      this.hangsOnce = false;
      return new Promise(() => {});
    }
    if (this.failure) throw this.failure;
    const labels = this.labels.get(versionId);
    return labels && { secretArn, versionId, labels, value: new Redacted(versionId) };
  }
}

/** A watcher whose resource is on version v1, with empty records. */
export async function setUp() {
  const secrets = new FakeSecrets();
  const budget = { left: 5, retryAfterMs: 12_000 };
  const tried: string[] = [];
  const attempts: Attempt[] = [];
  const warnings: string[] = [];
  const resource = {
    versionId: undefined as string | undefined,
    bad: new Set<string>(),
    /** Keeps logins waiting until the test goes on. */
    hold: Promise.resolve(),
    async adopt(
      { versionId }: { versionId: string },
      isStillCurrent: () => Promise<boolean>,
    ): Promise<Adoption> {
      tried.push(versionId);
      await resource.hold;
      if (resource.bad.has(versionId)) return { outcome: "rejected", refusal, cause: new Error("refused") };
      if (!(await isStillCurrent())) return { outcome: "superseded" };
      resource.versionId = versionId;
      return { outcome: "swapped", verifyMs: 1 };
    },
  };
  const watcher = new SecretWatcher({
    secretId: secretArn,
    source: secrets,
    resource,
    tryPending: false,
    budget,
    onDetected: () => undefined,
    onAttempted: (attempt) => attempts.push(attempt),
    logger: { debug() {}, info() {}, error() {}, warn: (_fields, message) => warnings.push(message) },
  });
  await watcher.look("start");
  tried.length = 0;
  attempts.length = 0;
  secrets.reads.length = 0;
  const settle = () => vi.advanceTimersByTimeAsync(0);
  return { secrets, budget, resource, watcher, tried, attempts, warnings, settle };
}
