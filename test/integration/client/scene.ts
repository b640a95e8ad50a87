import { expect, vi } from "vitest";
import type { RotationOptions } from "../../../client/src/core/rotation-options.ts";
import type { LocalBroker } from "../../../local/stores/broker.ts";
import { parseReport, type Report } from "../../../shared/contract/report.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";
import { InMemorySecret } from "./in-memory-secret.ts";

export const TOPIC_PREFIX = "keyturn/test";

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** A service's view of one user of a store and of its secret. What is the store's own is in its subclass. */
export abstract class Scene<Store> {
  readonly store: Store;
  readonly user: string;
  readonly secret: InMemorySecret;
  readonly reports: Report[] = [];
  readonly #place: object;
  readonly #closers: (() => unknown)[] = [];
  #broker: LocalBroker | undefined;

  /** @param place what each version of the secret has beside user and password */
  constructor(store: Store, user: string, place: object) {
    this.store = store;
    this.user = user;
    this.secret = new InMemorySecret(user);
    this.#place = place;
  }

  protected abstract createUser(login: Login): Promise<void>;
  /** From now on this password logs in, and no other. */
  protected abstract setPassword(login: Login): Promise<void>;

  /** Creates user and secret with a first version that is current and works. */
  async begin(): Promise<this> {
    const password = "first-EXAMPLE";
    await this.createUser({ user: this.user, password });
    this.secret.promote(this.stage(password));
    return this;
  }

  /** Tells over this broker from now on, and collects what is reported on it. */
  useBroker(broker: LocalBroker): void {
    this.#broker = broker;
    broker.onPublish((topic, payload) => {
      if (!topic.startsWith(`${TOPIC_PREFIX}/reports/`)) return;
      const report = parseReport(JSON.parse(payload.toString()));
      if (report.secretArn === this.secret.arn) this.reports.push(report);
    });
  }

  /** The options that every `open` has: they lead to this secret and broker, and are silent. */
  protected get rotationOptions(): RotationOptions {
    return {
      secretId: this.secret.arn,
      secrets: this.secret,
      service: "test",
      refreshIntervalMs: 3_600_000,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      ...(this.#broker && { channelUrl: this.#broker.url, topicPrefix: TOPIC_PREFIX }),
    };
  }

  /** Called after the test, the last one first. */
  protected closeBy(close: () => unknown): void {
    this.#closers.unshift(close);
  }

  /**
   * Adds a version that is not current yet, whatever the store thinks of it; gives its id.
   *
   * @param place where it leads elsewhere than the others
   */
  stage(password: string, user: string = this.user, place: object = {}): string {
    return this.secret.stage({ ...this.#place, ...place, username: user, password });
  }

  /** The window of a single-user rotation: the store wants the new password, and its version is not current yet. */
  async changePassword(password: string): Promise<string> {
    const versionId = this.stage(password);
    await this.setPassword({ user: this.user, password });
    return versionId;
  }

  /** Another user in the store, with a version that is not current yet; gives the version's id. */
  async stageUser({ user, password }: Login): Promise<string> {
    await this.createUser({ user, password });
    return this.stage(password, user);
  }

  /** The second user of alternating users, so that old and new sessions can be told apart. */
  async stageClone(): Promise<{ readonly versionId: string; readonly user: string }> {
    const user = `${this.user}_clone`;
    return { versionId: await this.stageUser({ user, password: "clone-EXAMPLE" }), user };
  }

  /** Makes a version current and sends the notice for it. */
  async announce(versionId: string): Promise<void> {
    this.secret.promote(versionId);
    const now = new Date().toISOString();
    const notice = {
      v: 1,
      kind: "credential-rotated",
      secretArn: this.secret.arn,
      versionId,
      currentSince: now,
      noticedAt: now,
    };
    const topic = noticeTopic(TOPIC_PREFIX, this.secret.arn);
    await this.#broker?.publish(topic, JSON.stringify(notice), { qos: 1, retain: true });
  }

  /** What was reported of a version, without what a reconnect repeats. */
  outcomesOf(versionId: string): string[] {
    return this.reports
      .filter((report) => report.versionId === versionId && report.trigger !== "reconnect")
      .map(({ outcome }) => outcome);
  }

  /** Makes a version current, tells of it, and waits until it is in use. */
  async adopt(versionId: string): Promise<void> {
    await this.announce(versionId);
    await vi.waitFor(() => expect(this.outcomesOf(versionId)).toEqual(["swapped"]), { timeout: 10_000 });
  }

  /** A single-user rotation as Secrets Manager does it: first the store, then the secret. Waits until it is in use. */
  async rotate(password: string): Promise<string> {
    const versionId = await this.changePassword(password);
    await this.adopt(versionId);
    return versionId;
  }

  async end(): Promise<void> {
    await Promise.all(this.#closers.map((close) => close()));
  }
}
