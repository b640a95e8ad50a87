import type pg from "pg";
import type { SecretSource, SecretVersion } from "../../../client/src/core/secret-source.ts";
import { createRotatingPool } from "../../../client/src/pg.ts";
import type { RotatingPoolOptions } from "../../../client/src/postgres/options.ts";
import type { RotatingPool } from "../../../client/src/postgres/rotating-pool.ts";
import type { LocalBroker } from "../../../local/stores/broker.ts";
import { parseReport, type Report } from "../../../shared/contract/report.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";
import { DATABASE_NAME, type Database, type Login } from "./database.ts";

export const TOPIC_PREFIX = "keyturn/test";

/** One secret in memory, with Secrets Manager's staging labels. */
export class InMemorySecret implements SecretSource {
  readonly arn: string;
  reads = 0;
  #versions = new Map<string, string>();
  #current = "";
  #previous = "";
  readonly #database: Database;

  constructor(database: Database, name: string) {
    this.#database = database;
    this.arn = `arn:aws:secretsmanager:us-east-1:000000000000:secret:test/${name}-AbCdEf`;
  }

  get currentVersionId(): string {
    return this.#current;
  }

  /** Adds a version that is not current yet; gives its id. `port` where it leads to another database. */
  stage(login: Login, port: number = this.#database.port): string {
    const versionId = `00000000-0000-4000-8000-${String(this.#versions.size + 1).padStart(12, "0")}`;
    const secret = {
      engine: "postgres",
      host: "127.0.0.1",
      port,
      dbname: DATABASE_NAME,
      username: login.user,
      password: login.password,
    };
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

/** A service's view of one secret in one database, with the pools that a test opens. */
export class Scene {
  readonly database: Database;
  readonly secret: InMemorySecret;
  readonly user: string;
  readonly reports: Report[] = [];
  #broker: LocalBroker | undefined;
  readonly #pools: RotatingPool[] = [];

  constructor(database: Database, name: string) {
    this.database = database;
    this.user = name;
    this.secret = new InMemorySecret(database, name);
  }

  /** Creates user and secret with a first version that is current and works. */
  async begin(): Promise<this> {
    const login = { user: this.user, password: "first-EXAMPLE" };
    await this.database.createUser(login);
    this.secret.promote(this.secret.stage(login));
    return this;
  }

  /** Tells over this broker from now on, and collects what is reported on it. */
  useBroker(broker: LocalBroker): void {
    this.#broker = broker;
    broker.onPublish((topic, payload) => {
      if (topic.startsWith(`${TOPIC_PREFIX}/reports/`))
        this.reports.push(parseReport(JSON.parse(payload.toString())));
    });
  }

  async open(options: Partial<RotatingPoolOptions> = {}): Promise<RotatingPool> {
    const channel = this.#broker ? { channelUrl: this.#broker.url, topicPrefix: TOPIC_PREFIX } : {};
    const pool = await createRotatingPool({
      secretId: this.secret.arn,
      secrets: this.secret,
      service: "test",
      refreshIntervalMs: 3_600_000,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      ...channel,
      ...options,
    });
    this.#pools.push(pool);
    return pool;
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
    await this.#broker?.publish(noticeTopic(TOPIC_PREFIX, this.secret.arn), JSON.stringify(notice), {
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
    await Promise.all(this.#pools.filter(({ ending }) => !ending).map((pool) => pool.end()));
  }
}

/** Keeps `workers` queries under way until it is stopped; counts them and keeps every error. */
export function startLoad(pool: pg.Pool, workers: number) {
  const errors: unknown[] = [];
  let queries = 0;
  let isRunning = true;
  const work = async () => {
    // A pool that a failed test ended would answer with errors for ever.
    while (isRunning && !pool.ending) {
      await pool.query("select 1").then(
        () => {
          queries += 1;
        },
        (error) => errors.push(error),
      );
    }
  };
  const done = Promise.all(Array.from({ length: workers }, work));
  return {
    errors,
    get queries() {
      return queries;
    },
    async stop() {
      isRunning = false;
      await done;
    },
  };
}
