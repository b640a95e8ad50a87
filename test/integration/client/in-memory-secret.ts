import type { SecretSource, SecretVersion } from "../../../client/src/core/secret-source.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";

/** One secret in memory, with Secrets Manager's staging labels. */
export class InMemorySecret implements SecretSource {
  readonly arn: string;
  reads = 0;
  readonly #versions = new Map<string, string>();
  #current = "";
  #previous = "";

  constructor(name: string) {
    this.arn = `arn:aws:secretsmanager:us-east-1:000000000000:secret:test/${name}-AbCdEf`;
  }

  get currentVersionId(): string {
    return this.#current;
  }

  /** Adds a version that is not current yet; gives its id. */
  stage(value: object): string {
    const versionId = `00000000-0000-4000-8000-${String(this.#versions.size + 1).padStart(12, "0")}`;
    this.#versions.set(versionId, JSON.stringify(value));
    return versionId;
  }

  promote(versionId: string): void {
    this.#previous = this.#current;
    this.#current = versionId;
  }

  async readCurrent(): Promise<SecretVersion> {
    const current = await this.readVersion(this.arn, this.#current);
    if (!current) throw new Error("The secret has no current version");
    return current;
  }

  /** The one that was staged last, while it is not current. */
  async readPending(): Promise<SecretVersion | undefined> {
    const pending = [...this.#versions.keys()].findLast((id) => this.#labelsOf(id).includes("AWSPENDING"));
    return pending === undefined ? undefined : this.readVersion(this.arn, pending);
  }

  async readVersion(_secretId: string, versionId: string): Promise<SecretVersion | undefined> {
    this.reads += 1;
    const value = this.#versions.get(versionId);
    if (value === undefined) return undefined;
    return { secretArn: this.arn, versionId, labels: this.#labelsOf(versionId), value: new Redacted(value) };
  }

  #labelsOf(versionId: string): string[] {
    if (versionId === this.#current) return ["AWSCURRENT"];
    return [versionId === this.#previous ? "AWSPREVIOUS" : "AWSPENDING"];
  }
}
