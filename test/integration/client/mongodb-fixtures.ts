import { afterAll, afterEach, beforeAll } from "vitest";
import type { SecretSource, SecretVersion } from "../../../client/src/core/secret-source.ts";
import {
  createRotatingClient,
  type RotatingClient,
  type RotatingClientOptions,
} from "../../../client/src/mongodb.ts";
import { type LocalBroker, startBroker } from "../../../local/stores/broker.ts";
import { parseReport, type Report } from "../../../shared/contract/report.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";
import { type MongoLogin, type MongoStandIn, startMongoStandIn } from "../../fakes/mongodb-server.ts";

export const TOPIC_PREFIX = "keyturn/test";

/** One secret in memory, with Secrets Manager's staging labels. */
export class MongoSecret implements SecretSource {
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
  stage({ user, password }: MongoLogin, port: number): string {
    const versionId = `00000000-0000-4000-8000-${String(this.#versions.size + 1).padStart(12, "0")}`;
    // The shape of Amazon DocumentDB's secrets.
    const secret = { engine: "mongo", host: "127.0.0.1", port, username: user, password, ssl: false };
    this.#versions.set(versionId, JSON.stringify(secret));
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

/** A service's view of one secret for one store, with the holders that a test opens. */
export class MongoScene {
  readonly store: MongoStandIn;
  readonly secret: MongoSecret;
  readonly user: string;
  readonly reports: Report[] = [];
  readonly #broker: LocalBroker;
  readonly #holders: RotatingClient[] = [];

  constructor(store: MongoStandIn, broker: LocalBroker, name: string) {
    this.store = store;
    this.#broker = broker;
    this.user = name;
    this.secret = new MongoSecret(name);
    const login = { user: name, password: "first-EXAMPLE" };
    store.setPassword(login);
    this.secret.promote(this.secret.stage(login, store.port));
  }

  async open(options: Partial<RotatingClientOptions> = {}): Promise<RotatingClient> {
    const holder = await createRotatingClient({
      secretId: this.secret.arn,
      secrets: this.secret,
      service: "test",
      channelUrl: this.#broker.url,
      topicPrefix: TOPIC_PREFIX,
      refreshIntervalMs: 3_600_000,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      ...options,
    });
    this.#holders.push(holder);
    return holder;
  }

  /** The same user with another password, which the store knows from now on; gives the version's id. */
  changePassword(password = "second-EXAMPLE"): string {
    const login = { user: this.user, password };
    this.store.setPassword(login);
    return this.secret.stage(login, this.store.port);
  }

  /** Another user, as in an alternating-users rotation. */
  addClone(store = this.store): { readonly versionId: string; readonly user: string } {
    const login = { user: `${this.user}_clone`, password: "clone-EXAMPLE" };
    store.setPassword(login);
    return { versionId: this.secret.stage(login, store.port), user: login.user };
  }

  /** Makes a version current and sends the notice for it. */
  async announce(versionId: string): Promise<void> {
    this.secret.promote(versionId);
    const now = new Date().toISOString();
    const { arn } = this.secret;
    const notice = {
      v: 1,
      kind: "credential-rotated",
      secretArn: arn,
      versionId,
      currentSince: now,
      noticedAt: now,
    };
    await this.#broker.publish(noticeTopic(TOPIC_PREFIX, arn), JSON.stringify(notice), {
      qos: 1,
      retain: true,
    });
  }

  outcomesOf(versionId: string): string[] {
    return this.reports
      .filter((report) => report.versionId === versionId && report.trigger !== "reconnect")
      .map(({ outcome }) => outcome);
  }

  async end(): Promise<void> {
    await Promise.all(this.#holders.map((holder) => holder.close()));
  }
}

/** One stand-in and one broker for the tests of a file; there from the first test on. */
export function setUpMongoStage() {
  let started: { readonly store: MongoStandIn; readonly broker: LocalBroker } | undefined;
  const scenes: MongoScene[] = [];
  beforeAll(async () => {
    const [store, broker] = await Promise.all([startMongoStandIn(), startBroker()]);
    broker.onPublish((topic, payload) => {
      if (!topic.startsWith(`${TOPIC_PREFIX}/reports/`)) return;
      const report = parseReport(JSON.parse(payload.toString()));
      scenes.find(({ secret }) => secret.arn === report.secretArn)?.reports.push(report);
    });
    started = { store, broker };
  });
  afterEach(() => Promise.all(scenes.splice(0).map((scene) => scene.end())));
  afterAll(async () => {
    await started?.broker.stop();
    await started?.store.stop();
  });
  return {
    begin(name: string): MongoScene {
      if (!started) throw new Error("The stage is set up when the first test begins");
      const scene = new MongoScene(started.store, started.broker, name);
      scenes.push(scene);
      return scene;
    },
  };
}

/** User as whom the store answers. */
export async function userOf(holder: RotatingClient): Promise<unknown> {
  const found = await holder.getDatabase("shop").collection("whoami").findOne({});
  return found?.user;
}

/** Keeps `workers` inserts under way until it is stopped; keeps every error, and what was confirmed. */
export function startMongoLoad(insert: (n: number) => Promise<unknown>, workers: number) {
  const errors: unknown[] = [];
  const confirmed: number[] = [];
  let next = 0;
  let isRunning = true;
  const work = async () => {
    while (isRunning) {
      next += 1;
      const n = next;
      await insert(n).then(
        () => confirmed.push(n),
        (error) => errors.push(error),
      );
    }
  };
  const done = Promise.all(Array.from({ length: workers }, work));
  return {
    errors,
    confirmed,
    async stop() {
      isRunning = false;
      await done;
    },
  };
}
