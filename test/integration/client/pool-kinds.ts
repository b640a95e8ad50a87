import pg from "pg";
import { afterAll, afterEach, beforeAll, describe } from "vitest";
import { DATABASE_NAME, type Database, startDatabase } from "./database.ts";
import { PostgresScene } from "./postgres-scene.ts";

/** What both take: who logs in comes from the secret, and `verify` asks of a credential, not of each client. */
export type PoolOptions = Omit<pg.PoolConfig, "user" | "password" | "connectionString" | "verify">;
/** Opens a pool for a database user of its own; it is ended after the test. */
export type OpenPool = (options?: PoolOptions) => Promise<pg.Pool>;

/**
 * Runs the same tests on a bare `pg.Pool` and on what `createRotatingPool` gives, against one database: what holds for
 * the one must hold for the other.
 *
 * @param body gets the database too, which is there from the first test on
 */
export function describeBothPools(body: (open: OpenPool, database: () => Database) => void): void {
  let started: Database | undefined;
  const scenes: PostgresScene[] = [];
  const bare: pg.Pool[] = [];
  const held = new Set<pg.PoolClient>();
  let users = 0;
  const database = () => {
    if (!started) throw new Error("The database is started before the first test");
    return started;
  };

  beforeAll(async () => {
    started = await startDatabase();
  });
  afterEach(() => {
    // A test that failed half way must not keep its pool from ending.
    for (const client of held) client.release(true);
    return Promise.all([
      ...scenes.splice(0).map((scene) => scene.end()),
      ...bare.splice(0).map((pool) => (pool.ending ? undefined : pool.end())),
    ]);
  });
  afterAll(() => started?.stop());

  const openBare = (scene: PostgresScene, options: PoolOptions) => {
    const pool = new pg.Pool({
      host: "127.0.0.1",
      port: database().port,
      database: DATABASE_NAME,
      user: scene.user,
      password: "first-EXAMPLE",
      ...options,
    });
    bare.push(pool);
    return pool;
  };

  /** None of these tests rotates, so that a start which fails need not wait for long. */
  const openRotating = (scene: PostgresScene, options: PoolOptions) =>
    scene.open({ authWaitMs: 1_000, ...options });

  const kinds = [
    { kind: "pg.Pool", openFor: openBare },
    { kind: "a rotating pool", openFor: openRotating },
  ];
  describe.each(kinds)("$kind", ({ openFor }) => {
    const open: OpenPool = async (options = {}) => {
      users += 1;
      const scene = await new PostgresScene(database(), `user_${users}`).begin();
      scenes.push(scene);
      const pool: pg.Pool = await openFor(scene, options);
      pool.on("acquire", (client) => held.add(client));
      pool.on("release", (_reason, client) => held.delete(client));
      return pool;
    };
    body(open, database);
  });
}

/** The session that a client, or the pool's next free connection, has with the server. */
export async function sessionOf(queryable: Pick<pg.Pool, "query"> | pg.PoolClient): Promise<number> {
  const { rows } = await (queryable as pg.Pool).query<{ pid: number }>("select pg_backend_pid() as pid");
  const [row] = rows;
  if (!row) throw new Error("The server did not name the session");
  return row.pid;
}

/** What a call gives to its callback, in the order of its arguments. */
export function calledBack(call: (callback: (...args: unknown[]) => void) => unknown): Promise<unknown[]> {
  return new Promise((resolve) => {
    call((...args) => resolve(args));
  });
}
