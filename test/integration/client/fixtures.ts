import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import pg from "pg";
import type { RotatingPoolOptions } from "../../../client/src/options.ts";
import { createRotatingPool } from "../../../client/src/pg.ts";
import type { RotatingPool } from "../../../client/src/rotating-pool.ts";
import type { SecretSource, SecretVersion } from "../../../client/src/secret-source.ts";
import type { LocalBroker } from "../../../local/stores/broker.ts";
import { type LocalPostgres, startPostgres } from "../../../local/stores/postgres.ts";
import { parseReport, type Report } from "../../../shared/contract/report.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";

export const TOPIC_PREFIX = "keyturn/test";
const DATABASE = "shop";

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** A real PostgreSQL behind a relay that counts what a database's owner would see in the log: refused logins. */
export interface Database {
  readonly port: number;
  refusedLogins(): number;
  createUser(login: Login): Promise<void>;
  setPassword(login: Login): Promise<void>;
  /** Sessions of a user that are open now. */
  sessionsOf(user: string): Promise<number>;
  /** Refuses new connections and cuts those there are. */
  cutOff(): Promise<void>;
  restore(): Promise<void>;
  stop(): Promise<void>;
}

export async function startDatabase(): Promise<Database> {
  const postgres = await startPostgres();
  const admin = new pg.Pool({
    host: postgres.host,
    port: postgres.port,
    user: postgres.superuser,
    password: postgres.superuserPassword,
    database: postgres.superuser,
    max: 1,
    idleTimeoutMillis: 0,
  });
  admin.on("error", () => undefined);
  await admin.query(`create database ${DATABASE}`);
  const relay = await startRelay(postgres);
  const setPassword = async ({ user, password }: Login) => {
    await admin.query(`alter role ${pg.escapeIdentifier(user)} password ${pg.escapeLiteral(password)}`);
  };
  return {
    port: relay.port,
    refusedLogins: relay.refusedLogins,
    async createUser(login) {
      await admin.query(`create role ${pg.escapeIdentifier(login.user)} login`);
      await setPassword(login);
    },
    setPassword,
    async sessionsOf(user) {
      const { rows } = await admin.query(
        "select count(*)::int as n from pg_stat_activity where usename = $1",
        [user],
      );
      return rows[0].n;
    },
    cutOff: relay.close,
    restore: relay.open,
    async stop() {
      await admin.end();
      await relay.close();
      await postgres.stop();
    },
  };
}

async function startRelay(postgres: LocalPostgres) {
  const sockets = new Set<Socket>();
  let refused = 0;
  const server = createServer((client) => {
    const upstream = connect(postgres.port, postgres.host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
    // Field C of an ErrorResponse: https://www.postgresql.org/docs/current/protocol-error-fields.html
    upstream.on("data", (data) => {
      if (data.includes("C28P01") || data.includes("C28000")) refused += 1;
    });
  });
  const listen = async (port: number) => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  await listen(0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The relay listens on no port");
  const { port } = address;
  return {
    port,
    refusedLogins: () => refused,
    open: () => listen(port),
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

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

  /** Adds a version that is not current yet; gives its id. */
  stage(login: Login): string {
    const versionId = `00000000-0000-4000-8000-${String(this.#versions.size + 1).padStart(12, "0")}`;
    const secret = {
      engine: "postgres",
      host: "127.0.0.1",
      port: this.#database.port,
      dbname: DATABASE,
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

  async readVersion(_secretId: string, versionId: string): Promise<SecretVersion | undefined> {
    this.reads += 1;
    const value = this.#versions.get(versionId);
    if (value === undefined) return undefined;
    return { secretArn: this.arn, versionId, labels: this.#labelsOf(versionId), value: new Redacted(value) };
  }

  resolveArn(): Promise<string> {
    return Promise.resolve(this.arn);
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
