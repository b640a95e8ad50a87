import { setImmediate } from "node:timers/promises";
import { createPool, type Pool } from "mysql2/promise";
import {
  createRotatingPool,
  type RotatingPool,
  type RotatingPoolOptions,
} from "../../../client/src/mysql2.ts";
import { type MariaDb, startMariaDb } from "./mariadb.ts";
import { type Login, Scene } from "./scene.ts";
import { type Stage, setUpStage } from "./stage.ts";

export const DATABASE_NAME = "shop";

/** What its administrator may do with the database. */
export class Database {
  readonly server: MariaDb;
  readonly #admin: Pool;

  constructor(server: MariaDb) {
    this.server = server;
    const { host, port, rootPassword } = server;
    this.#admin = createPool({ host, port, user: "root", password: rootPassword, connectionLimit: 1 });
  }

  async run(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const [rows] = await this.#admin.query(sql, values);
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

  async stop(): Promise<void> {
    await this.#admin.end();
    await this.server.stop();
  }
}

/** A service's view of one secret in one MariaDB, with the pools that a test opens. */
export class MysqlScene extends Scene<Database> {
  constructor(database: Database, user: string) {
    const { host, port } = database.server;
    super(database, user, { engine: "mariadb", host, port, dbname: DATABASE_NAME });
  }

  protected createUser(login: Login): Promise<void> {
    return this.store.createUser(login);
  }

  protected setPassword(login: Login): Promise<void> {
    return this.store.setPassword(login);
  }

  async open(options: Partial<RotatingPoolOptions> = {}): Promise<RotatingPool> {
    const pool = await createRotatingPool({ ...this.rotationOptions, ...options });
    this.closeBy(() => pool.end());
    return pool;
  }
}

export type MysqlStage = Stage<Database, MysqlScene>;

export function setUpMysql(options: Parameters<typeof startMariaDb>[0] = {}): MysqlStage {
  const start = async () => {
    const database = new Database(await startMariaDb(options));
    await database.run(`create database ${DATABASE_NAME}`);
    return database;
  };
  return setUpStage(start, (database, user) => new MysqlScene(database, user));
}

export const WHO = "select substring_index(current_user(), '@', 1) as user";

/** User as whom the database answers. */
export async function userOf(queryable: Pick<RotatingPool, "query">): Promise<string | undefined> {
  const [rows] = await queryable.query(WHO);
  return (rows as { user: string }[])[0]?.user;
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
