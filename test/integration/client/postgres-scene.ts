import type pg from "pg";
import { createRotatingPool } from "../../../client/src/pg.ts";
import type { RotatingPoolOptions } from "../../../client/src/postgres/options.ts";
import type { RotatingPool } from "../../../client/src/postgres/rotating-pool.ts";
import { DATABASE_NAME, type Database, startDatabase } from "./database.ts";
import { type Login, Scene } from "./scene.ts";
import { type Stage, setUpStage } from "./stage.ts";

/** A service's view of one secret in one PostgreSQL, with the pools that a test opens. */
export class PostgresScene extends Scene<Database> {
  constructor(database: Database, user: string) {
    super(database, user, {
      engine: "postgres",
      host: "127.0.0.1",
      port: database.port,
      dbname: DATABASE_NAME,
    });
  }

  protected createUser(login: Login): Promise<void> {
    return this.store.createUser(login);
  }

  protected setPassword(login: Login): Promise<void> {
    return this.store.setPassword(login);
  }

  async open(options: Partial<RotatingPoolOptions> = {}): Promise<RotatingPool> {
    const pool = await createRotatingPool({ ...this.rotationOptions, ...options });
    this.closeBy(() => (pool.ending ? undefined : pool.end()));
    return pool;
  }
}

export type PostgresStage = Stage<Database, PostgresScene>;

export function setUpPostgres(): PostgresStage {
  return setUpStage(startDatabase, (database, user) => new PostgresScene(database, user));
}

/** User as whom the database answers. */
export async function userOf(queryable: Pick<pg.Pool, "query"> | pg.PoolClient): Promise<string> {
  const { rows } = await (queryable as pg.Pool).query("select current_user as user");
  return rows[0].user;
}
