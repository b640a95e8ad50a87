import { setImmediate } from "node:timers/promises";
import { createPool, type Pool } from "mysql2/promise";
import { afterAll, afterEach, beforeAll } from "vitest";
import type { SecretSource, SecretVersion } from "../../../client/src/core/secret-source.ts";
import {
  createRotatingPool,
  type RotatingPool,
  type RotatingPoolOptions,
} from "../../../client/src/mysql2.ts";
import { type LocalBroker, startBroker } from "../../../local/stores/broker.ts";
import { parseReport, type Report } from "../../../shared/contract/report.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";
import { type MariaDb, startMariaDb } from "./mariadb.ts";

export const DATABASE_NAME = "shop";
const TOPIC_PREFIX = "keyturn/test";

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** One secret in memory, with Secrets Manager's staging labels. */
export class InMemorySecret implements SecretSource {
  readonly arn: string;
  readonly name = "custom";
  reads = 0;
  readonly #place: object;
  readonly #versions = new Map<string, string>();
  #current = "";
  #previous = "";

  /** @param place what each version has beside user and password */
  constructor(name: string, place: object) {
    this.arn = `arn:aws:secretsmanager:us-east-1:000000000000:secret:test/${name}-AbCdEf`;
    this.#place = place;
  }

  get currentVersionId(): string {
    return this.#current;
  }

  /** Adds a version that is not current yet; gives its id. */
  stage({ user, password }: Login, place: object = {}): string {
    const versionId = `00000000-0000-4000-8000-${String(this.#versions.size + 1).padStart(12, "0")}`;
    this.#versions.set(versionId, JSON.stringify({ ...this.#place, ...place, username: user, password }));
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

  async readPending(): Promise<SecretVersion | undefined> {
    const pending = [...this.#versions.keys()].find((id) => this.#labelsOf(id).includes("AWSPENDING"));
    return pending === undefined ? undefined : this.readVersion(this.arn, pending);
  }

  #labelsOf(versionId: string): string[] {
    if (versionId === this.#current) return ["AWSCURRENT"];
    return [versionId === this.#previous ? "AWSPREVIOUS" : "AWSPENDING"];
  }
}

/** What its administrator may do with the database. */
export class Database {
  readonly server: MariaDb;
  readonly admin: Pool;

  constructor(server: MariaDb) {
    this.server = server;
    const { host, port, rootPassword } = server;
    this.admin = createPool({ host, port, user: "root", password: rootPassword, connectionLimit: 1 });
  }

  async run(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const [rows] = await this.admin.query(sql, values);
    return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
  }

  async createUser({ user, password }: Login): Promise<void> {
    await this.run("create user ? identified by ?", [user, password]);
    await this.run(`grant all on ${DATABASE_NAME}.* to ?`, [user]);
  }

  async setPassword({ user, password }: Login): Promise<void> {
    await this.run("alter user ? identified by ?", [user, password]);
  }

  /** Logins that the server has refused since it was started. */
  async refusedLogins(): Promise<number> {
    const [row] = await this.run("show global status like 'Access_denied_errors'");
    return Number(row?.Value);
  }

  /** Sessions of a user that are open now. */
  async sessionsOf(user: string): Promise<number> {
    const [row] = await this.run("select count(*) as n from information_schema.processlist where user = ?", [
      user,
    ]);
    return Number(row?.n);
  }
}

/** A service's view of one secret in one database, with the pools that a test opens. */
export class Scene {
  readonly database: Database;
  readonly secret: InMemorySecret;
  readonly user: string;
  readonly reports: Report[] = [];
  readonly #broker: LocalBroker;
  readonly #pools: RotatingPool[] = [];

  constructor(database: Database, broker: LocalBroker, name: string) {
    const { host, port } = database.server;
    this.database = database;
    this.user = name;
    this.secret = new InMemorySecret(name, { engine: "mariadb", host, port, dbname: DATABASE_NAME });
    this.#broker = broker;
  }

  /** Creates user and secret with a first version that is current and works. */
  async begin(): Promise<this> {
    const login = { user: this.user, password: "first-EXAMPLE" };
    await this.database.createUser(login);
    this.secret.promote(this.secret.stage(login));
    return this;
  }

  async open(options: Partial<RotatingPoolOptions> = {}): Promise<RotatingPool> {
    const pool = await createRotatingPool({
      secretId: this.secret.arn,
      secrets: this.secret,
      service: "test",
      refreshIntervalMs: 3_600_000,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      channelUrl: this.#broker.url,
      topicPrefix: TOPIC_PREFIX,
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
    const topic = noticeTopic(TOPIC_PREFIX, this.secret.arn);
    await this.#broker.publish(topic, JSON.stringify(notice), { qos: 1, retain: true });
  }

  outcomesOf(versionId: string): string[] {
    return this.reports
      .filter((report) => report.versionId === versionId && report.trigger !== "reconnect")
      .map(({ outcome }) => outcome);
  }

  async end(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()));
  }
}

export interface MysqlStage {
  readonly database: Database;
  /** A user with a secret that works, told of over the broker; ended after the test. */
  readonly begin: (name: string) => Promise<Scene>;
}

/** One database and one broker for the tests of a file. Call it once, within the file's outermost `describe`. */
export function setUpMysqlStage(options: Parameters<typeof startMariaDb>[0] = {}): MysqlStage {
  let started: { readonly database: Database; readonly broker: LocalBroker } | undefined;
  const scenes: Scene[] = [];
  const running = () => {
    if (!started) throw new Error("The stage is set up when the first test begins");
    return started;
  };
  beforeAll(async () => {
    const [server, broker] = await Promise.all([startMariaDb(options), startBroker()]);
    broker.onPublish((topic, payload) => {
      if (!topic.startsWith(`${TOPIC_PREFIX}/reports/`)) return;
      const report = parseReport(JSON.parse(payload.toString()));
      scenes.find(({ secret }) => secret.arn === report.secretArn)?.reports.push(report);
    });
    const database = new Database(server);
    await database.run(`create database ${DATABASE_NAME}`);
    started = { database, broker };
  });
  afterEach(() => Promise.all(scenes.splice(0).map((scene) => scene.end())));
  afterAll(async () => {
    await started?.broker.stop();
    await started?.database.admin.end();
    await started?.database.server.stop();
  });
  return {
    get database() {
      return running().database;
    },
    async begin(name) {
      const { database, broker } = running();
      const scene = await new Scene(database, broker, name).begin();
      scenes.push(scene);
      return scene;
    },
  };
}

/** Keeps `workers` queries under way until it is stopped; counts them and keeps every error. */
export function startLoad(pool: RotatingPool, workers: number) {
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
        async (error) => {
          errors.push(error);
          // mysql2 may answer with an error in the same tick, and nothing else would have its turn any more.
          await setImmediate();
        },
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

/** Uses a connection once, so that every query logs in. */
export async function queryOnFreshConnection(pool: RotatingPool): Promise<void> {
  const connection = await pool.getConnection();
  try {
    await connection.query("select 1");
  } finally {
    connection.destroy();
    // mysql2 gives a free place to whoever asks first, and to its queue a tick later.
    await setImmediate();
  }
}
