/** Ways in which a Node service follows a rotated credential, all with the same pool options and the same secret. */
import { EventEmitter } from "node:events";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { AwsPGClient, AwsPgPoolClient } from "aws-advanced-nodejs-wrapper/pg";
import type { RotatingPoolOptions } from "keyturn/pg";
import pg from "pg";
import { openPool } from "./open-pool.ts";
import { type Places, REGION } from "./places.ts";
import type { Login } from "./services-process.ts";

export interface Setting {
  readonly secretArn: string;
  readonly services: Places;
  readonly max: number;
  /** Connections are replaced after this: without new logins, nobody notices a new password. */
  readonly maxLifetimeSeconds: number;
  readonly pollMs: number;
}

export interface Opened {
  query(text: string): Promise<{ readonly rows: readonly { readonly pid: number }[] }>;
  close(): Promise<void>;
}

export type Contender = (setting: Setting) => Promise<Opened>;

/** How long the poller lets a retired pool finish, as Keyturn's default. */
const GRACE_MS = 30_000;

const keyturn =
  (options: Partial<RotatingPoolOptions> = {}): Contender =>
  async ({ services, secretArn, max, maxLifetimeSeconds }) => {
    const pool = await openPool(services, { secretId: secretArn, max, maxLifetimeSeconds, ...options });
    return { query: (text) => pool.query(text), close: () => pool.end() };
  };

interface Version extends Login {
  readonly versionId: string;
}

async function readSecret(client: SecretsManagerClient, SecretId: string): Promise<Version> {
  const { VersionId = "", SecretString = "{}" } = await client.send(new GetSecretValueCommand({ SecretId }));
  const { host, port, dbname, username, password } = JSON.parse(SecretString);
  return { versionId: VersionId, host, port, database: dbname, user: username, password };
}

function poolOf(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config);
  pool.on("error", () => undefined);
  return pool;
}

/** Reads the secret at an interval; a new version gets a pool of its own, which is tried and then swapped in. */
const poller: Contender = async ({ secretArn, max, maxLifetimeSeconds, pollMs }) => {
  const client = new SecretsManagerClient({});
  const open = ({ versionId, ...login }: Version) => ({
    versionId,
    pool: poolOf({ ...login, max, maxLifetimeSeconds }),
  });
  let current = open(await readSecret(client, secretArn));
  const retired = new Map<pg.Pool, NodeJS.Timeout>();
  const end = (pool: pg.Pool) => {
    clearTimeout(retired.get(pool));
    retired.delete(pool);
    return pool.end();
  };
  const poll = async () => {
    const version = await readSecret(client, secretArn);
    if (version.versionId === current.versionId) return;
    const next = open(version);
    try {
      await next.pool.query("select 1");
    } catch {
      return next.pool.end();
    }
    const { pool } = current;
    current = next;
    retired.set(pool, setTimeout(() => void end(pool), GRACE_MS).unref());
  };
  const timer = setInterval(() => void poll().catch(() => undefined), pollMs);
  return {
    query: (text) => current.pool.query(text),
    async close() {
      clearInterval(timer);
      await Promise.all([current.pool.end(), ...[...retired.keys()].map(end)]);
      client.destroy();
    },
  };
};

/** A `pg.Pool` whose password is a function that reads the secret for each new connection. */
const passwordCallback: Contender = async ({ secretArn, max, maxLifetimeSeconds }) => {
  const client = new SecretsManagerClient({});
  const { versionId: _versionId, ...login } = await readSecret(client, secretArn);
  const password = async () => (await readSecret(client, secretArn)).password;
  const pool = poolOf({ ...login, password, max, maxLifetimeSeconds });
  return {
    query: (text) => pool.query(text),
    async close() {
      await pool.end();
      client.destroy();
    },
  };
};

async function wrapperConfig({ secretArn, services }: Setting) {
  const client = new SecretsManagerClient({});
  const { host, port, database } = await readSecret(client, secretArn);
  client.destroy();
  return {
    host,
    port,
    database,
    plugins: "secretsManager",
    secretId: secretArn,
    secretRegion: REGION,
    secretEndpoint: services.awsUrl,
  };
}

/** `aws-advanced-nodejs-wrapper` with the pool that it brings. */
const wrapperPool: Contender = async (setting) => {
  const { max, maxLifetimeSeconds } = setting;
  const pool = new AwsPgPoolClient(await wrapperConfig(setting), {
    maxConnections: max,
    maxLifetimeSeconds,
    idleTimeoutMillis: 10_000,
  });
  return { query: (text) => pool.query(text), close: () => pool.end() };
};

/** `aws-advanced-nodejs-wrapper`'s client as the client class of a `pg.Pool`, which wants callbacks. */
const wrapperClient: Contender = async (setting) => {
  const { max, maxLifetimeSeconds } = setting;
  const config = await wrapperConfig(setting);
  class WrappedClient extends EventEmitter {
    readonly _queryable = true;
    readonly #client = new AwsPGClient({ ...config });
    connect(callback: (error: unknown) => void): void {
      this.#client.connect().then(() => callback(null), callback);
    }
    query(text: string, _values: unknown, callback: (error: unknown, result?: unknown) => void): void {
      this.#client.query(text).then((result: unknown) => callback(null, result), callback);
    }
    end(callback: () => void): void {
      this.#client
        .end()
        .catch(() => undefined)
        .then(() => {
          this.emit("end");
          callback();
        });
    }
  }
  const pool = poolOf({ max, maxLifetimeSeconds, Client: WrappedClient as unknown as typeof pg.Client });
  return { query: (text) => pool.query(text), close: () => pool.end() };
};

export const CONTENDERS: Readonly<Record<string, Contender>> = {
  "keyturn, with a channel": keyturn(),
  "keyturn, without a channel": keyturn({ channelUrl: undefined }),
  "keyturn, without a channel, tryPending": keyturn({ channelUrl: undefined, tryPending: true }),
  "poller that swaps pools": poller,
  "pg.Pool, password callback": passwordCallback,
  "aws-advanced-nodejs-wrapper, its client in a pg.Pool": wrapperClient,
  "aws-advanced-nodejs-wrapper, its own pool": wrapperPool,
};
