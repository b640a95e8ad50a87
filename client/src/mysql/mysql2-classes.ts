import mysql from "mysql2";
import mysqlPromise from "mysql2/promise";

/** mysql2 exports the classes of its pools; its types know their instances only. */
interface PoolClasses {
  readonly Pool: new (options: { readonly config: mysql.PoolOptions }) => mysql.Pool;
  readonly PromisePool: new (pool: mysql.Pool, promise?: PromiseConstructor) => mysqlPromise.Pool;
}

/** The pool of the callback API. */
export const CallbackPool = (mysql as unknown as Pick<PoolClasses, "Pool">).Pool;
/** The pool of the promise API: a shell around one of the callback API. */
export const PromisePool = (mysqlPromise as unknown as Pick<PoolClasses, "PromisePool">).PromisePool;

/** Types of mysql2 promise it a connection even where there is an error. */
export type PoolCallback = Parameters<mysql.Pool["getConnection"]>[0];

/** What the constructor of a pool takes. mysql2 does not export its class, but each pool has one. */
export function readPoolConfig({ maxIdle, ...options }: mysql.PoolOptions): mysql.PoolOptions {
  // Fewer idle connections than connections would start a timer in the pool that we only ask.
  const { config } = mysql.createPool(options);
  if (maxIdle !== undefined) config.maxIdle = maxIdle;
  hidePassword((config as { readonly connectionConfig: object }).connectionConfig);
  return config;
}

/** Keeps it out of whatever prints the settings, and the copies that mysql2 makes of them for each connection. */
export function hidePassword(settings: object): void {
  Object.defineProperty(settings, "password", { enumerable: false });
}

/** Says goodbye after what was sent already. A pool's connection overrides its `end`, to be given back instead. */
export function quit(connection: mysql.Connection, onQuit: () => void): void {
  Reflect.apply(mysql.Connection.prototype.end, connection, [onQuit]);
}
