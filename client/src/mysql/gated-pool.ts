import type mysql from "mysql2";
import type { ConnectionCallback, GatedLogins } from "./gated-logins.ts";
import { CallbackPool, type PoolCallback, readPoolConfig } from "./mysql2-classes.ts";

/** Decides on a connection that comes back, or is lost while it is out; `toPool` is what mysql2 does with it. */
export type GiveBack = (connection: mysql.PoolConnection, toPool: () => void) => void;

/** A mysql2 pool whose logins pass a gate, and which asks before it takes a connection back. */
export class GatedPool extends CallbackPool {
  readonly #logins: GatedLogins<mysql.Connection>;
  readonly #giveBack: GiveBack;

  constructor(options: mysql.PoolOptions, logins: GatedLogins<mysql.Connection>, giveBack: GiveBack) {
    super({ config: readPoolConfig({ ...options, stream: logins.stream }) });
    this.#logins = logins;
    this.#giveBack = giveBack;
  }

  /** mysql2 itself calls it for whoever is next in its queue when a connection is lost. */
  override getConnection(callback: PoolCallback): void {
    this.#logins.logIn(
      (done) => super.getConnection(done as PoolCallback),
      callback as ConnectionCallback<mysql.Connection>,
    );
  }

  override releaseConnection(connection: mysql.PoolConnection): void {
    this.#giveBack(connection, () => super.releaseConnection(connection));
  }
}
