/** MySQL and MariaDB for `mysql2`: the published entry `keyturn/mysql2`. */
import { LoginBudget } from "./core/login-gate.ts";
import { Rotation } from "./core/rotation.ts";
import type { RotationPorts } from "./core/rotation-ports.ts";
import { createMysqlDriver } from "./mysql/mysql-driver.ts";
import { type PoolSettings, type RotatingPoolOptions, readOptions } from "./mysql/options.ts";
import { RotatingPool } from "./mysql/rotating-pool.ts";
import type { VersionPool } from "./mysql/version-pool.ts";
import { openPorts } from "./open-ports.ts";

export {
  ConfigError,
  CredentialRejectedError,
  DependencyError,
  DrainTimeoutError,
  KeyturnError,
} from "../../shared/contract/errors.ts";
export { UnusableSecretError } from "../../shared/engines/database-secret.ts";
export { Redacted } from "../../shared/engines/redacted.ts";
export type { Health, HealthOptions } from "./core/health.ts";
export type { Logger } from "./core/logger.ts";
export type * from "./core/rotation-events.ts";
export type { SecretSource, SecretVersion } from "./core/secret-source.ts";
export type { RotatingPoolOptions } from "./mysql/options.ts";
export type { RotatingPool } from "./mysql/rotating-pool.ts";

/** mysql2's own. */
const DEFAULT_CONNECTION_LIMIT = 10;

/**
 * A pool of `mysql2/promise` that follows its secret: when the credential is rotated, the pool logs in with the new
 * one, moves over to it, and lets the old connections finish. The object stays the same, so whatever holds it needs
 * no change. `pool.pool` is the same pool with the callback API.
 *
 * Resolves after a first login; a process that starts in the middle of a rotation waits for it, up to `authWaitMs`.
 * AWS endpoint, region and credentials come from the SDK's standard environment. `pool.end()` ends everything.
 *
 * @throws ConfigError listing every bad option
 * @throws CredentialRejectedError where the store refused the credential for `authWaitMs`; the driver's error is its cause
 * @throws UnusableSecretError where the secret is no MySQL or MariaDB credential
 * @throws DependencyError where Secrets Manager or the store did not answer for `authWaitMs`
 * @throws KeyturnError `SECRET_NOT_FOUND`, `SECRET_ACCESS_DENIED` or `SECRET_UNREADABLE`
 * @example
 * const pool = await createRotatingPool({ secretId: process.env.DB_SECRET_ID, connectionLimit: 20 });
 * const [rows] = await pool.query("select 1");
 */
export async function createRotatingPool(options: RotatingPoolOptions): Promise<RotatingPool> {
  const settings = readOptions(options, process.env);
  const { secrets, logger } = options;
  return startRotatingPool(settings, await openPorts(settings, { secrets, logger }));
}

async function startRotatingPool(settings: PoolSettings, ports: RotationPorts): Promise<RotatingPool> {
  const { pool: config, verify, warmUp, authWaitMs, maxLoginTries } = settings;
  const budget = new LoginBudget(maxLoginTries);
  const driver = createMysqlDriver({
    config,
    budget,
    verify,
    warmUp,
    onEvent: (name, connection) => void pool.pool.emit(name, ...(connection ? [connection] : [])),
    onReopened: () => pool.reopened(),
  });
  const rotation = new Rotation(settings, ports, {
    driver,
    budget,
    onSwapped: (current: VersionPool) => pool.follow(current),
  });
  const { connectionLimit = DEFAULT_CONNECTION_LIMIT } = config;
  const pool = new RotatingPool({ config, rotation, authWaitMs, connectionLimit });
  await rotation.start();
  rotation.telemetry.observePool(() => ({
    idle: pool.idleCount,
    used: pool.totalCount - pool.idleCount,
    pending: pool.waitingCount,
    max: connectionLimit,
  }));
  return pool;
}
