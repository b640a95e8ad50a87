import type pg from "pg";
import {
  isPostgresAuthFailure,
  parsePostgresSecret,
  postgresErrorCode,
  UnusableSecretError,
} from "../../../shared/engines/postgres.ts";
import { type LoginBudget, LoginGate, LoginPaused } from "../core/login-gate.ts";
import type { Refusal, ResourceDriver } from "../core/rotating-resource.ts";
import { VersionPool } from "./version-pool.ts";

export interface PostgresDriverOptions {
  readonly config: pg.PoolConfig;
  readonly budget: LoginBudget;
  /** A credential that was under suspicion has logged in. */
  readonly onReopened: () => void;
}

/** PostgreSQL, one `pg.Pool` for each version of the secret. */
export function createPostgresDriver({
  config,
  budget,
  onReopened,
}: PostgresDriverOptions): ResourceDriver<VersionPool> {
  return {
    connect(secret) {
      const credential = parsePostgresSecret(secret, config);
      const gate = new LoginGate({ budget, isAuthFailure: isPostgresAuthFailure, onReopened });
      return new VersionPool(config, credential, gate);
    },
    verify: (pool) =>
      pool.verify().catch((error) => {
        throw error instanceof LoginPaused && error.cause !== undefined ? error.cause : error;
      }),
    retire: (pool) => pool.retire(),
    inUse: (pool) => pool.inUse,
    close: (pool) => pool.cut(),
    refusal,
  };
}

/** Our own words: the server's name users and addresses. */
function refusal(error: unknown): Refusal | undefined {
  if (error instanceof UnusableSecretError) return { code: error.code, message: error.message };
  if (!isPostgresAuthFailure(error)) return undefined;
  const code = postgresErrorCode(error) ?? "28000";
  return {
    code,
    message: code === "28P01" ? "The store refused user or password" : "The store refused this login",
  };
}
