import { UnusableSecretError } from "../../../shared/engines/database-secret.ts";
import {
  describeMysqlAuthFailure,
  describeMysqlDatabaseFailure,
  isMysqlAuthFailure,
  mysqlErrorNumber,
  parseMysqlSecret,
} from "../../../shared/engines/mysql.ts";
import { CheckFailedError } from "../core/check-failed-error.ts";
import { type LoginBudget, LoginGate, LoginPaused } from "../core/login-gate.ts";
import type { Refusal } from "../core/refusal.ts";
import type { ResourceDriver } from "../core/rotating-resource.ts";
import { VersionPool, type VersionPoolOptions } from "./version-pool.ts";

export interface MysqlDriverOptions extends Pick<VersionPoolOptions, "config" | "verify" | "onEvent"> {
  readonly budget: LoginBudget;
  readonly warmUp: boolean;
  /** A credential that was under suspicion has logged in. */
  readonly onReopened: () => void;
}

/** MySQL and MariaDB, one mysql2 pool for each version of the secret. */
export function createMysqlDriver(options: MysqlDriverOptions): ResourceDriver<VersionPool> {
  const { config, verify, onEvent, budget, warmUp, onReopened } = options;
  // A socket of this machine needs no host.
  const host = config.host ?? (config.socketPath ? "localhost" : undefined);
  return {
    connect(secret) {
      const credential = parseMysqlSecret(secret, { ...config, host });
      const gate = new LoginGate({ budget, isAuthFailure: isMysqlAuthFailure, onReopened });
      return new VersionPool({ config, credential, gate, verify, onEvent });
    },
    verify: (pool) =>
      pool.verify().catch((error) => {
        throw error instanceof LoginPaused && error.cause !== undefined ? error.cause : error;
      }),
    async warmUp(next, current) {
      // Where logins are refused already, checkouts wait for nothing else than the swap.
      if (warmUp && !current.gate.isSuspect) await next.warmUp(current.inUse + current.idleCount);
    },
    retire: (pool) => pool.retire(),
    inUse: (pool) => pool.inUse,
    close: (pool) => pool.cut(),
    refusal,
  };
}

/** Our own words: the server's name users and addresses. */
function refusal(error: unknown): Refusal | undefined {
  if (error instanceof UnusableSecretError || error instanceof CheckFailedError) {
    return { code: error.code, message: error.message };
  }
  const code = String(mysqlErrorNumber(error));
  const fault = describeMysqlAuthFailure(error);
  if (fault !== undefined) return { code, message: `The store refused the login: ${fault}` };
  const databaseFault = describeMysqlDatabaseFailure(error);
  if (databaseFault === undefined) return undefined;
  return { code, message: `The store took the login, but ${databaseFault}` };
}
