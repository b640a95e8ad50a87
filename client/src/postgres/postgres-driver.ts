import {
  describePostgresDatabaseFailure,
  isPostgresAuthFailure,
  parsePostgresSecret,
  postgresErrorCode,
  UnusableSecretError,
} from "../../../shared/engines/postgres.ts";
import { CheckFailedError } from "../core/check-failed-error.ts";
import { type LoginBudget, LoginGate, LoginPaused } from "../core/login-gate.ts";
import type { Refusal } from "../core/refusal.ts";
import type { ResourceDriver } from "../core/rotating-resource.ts";
import { VersionPool, type VersionPoolOptions } from "./version-pool.ts";

export interface PostgresDriverOptions extends Pick<VersionPoolOptions, "config" | "verify" | "onEvent"> {
  readonly budget: LoginBudget;
  readonly warmUp: boolean;
  /** Connections that a new pool may have, as of now. */
  readonly max: () => number;
  /** A credential that was under suspicion has logged in. */
  readonly onReopened: () => void;
}

/** PostgreSQL, one `pg.Pool` for each version of the secret. */
export function createPostgresDriver(options: PostgresDriverOptions): ResourceDriver<VersionPool> {
  const { config, verify, onEvent, budget, warmUp, max, onReopened } = options;
  return {
    connect(secret) {
      const credential = parsePostgresSecret(secret, config);
      const gate = new LoginGate({ budget, isAuthFailure: isPostgresAuthFailure, onReopened });
      return new VersionPool({ config: { ...config, max: max() }, credential, gate, verify, onEvent });
    },
    verify: (pool) =>
      pool.verify().catch((error) => {
        throw error instanceof LoginPaused && error.cause !== undefined ? error.cause : error;
      }),
    async warmUp(next, current) {
      // Where logins are refused already, checkouts wait for nothing else than the swap.
      if (warmUp && !current.gate.isSuspect) await next.warmUp(current.pool.totalCount);
    },
    retire: (pool) => pool.retire(),
    inUse: (pool) => pool.inUse,
    close: (pool) => pool.cut(),
    refusal,
  };
}

/** Our own words: the server's name users and addresses. */
function refusal(error: unknown): Refusal | undefined {
  if (error instanceof UnusableSecretError || error instanceof CheckFailedError)
    return { code: error.code, message: error.message };
  const databaseFault = describePostgresDatabaseFailure(error);
  if (databaseFault !== undefined) {
    return {
      code: postgresErrorCode(error) ?? "3D000",
      message: `The store took the login, but ${databaseFault}`,
    };
  }
  if (!isPostgresAuthFailure(error)) return undefined;
  const code = postgresErrorCode(error) ?? "28000";
  return {
    code,
    message: code === "28P01" ? "The store refused user or password" : "The store refused this login",
  };
}
