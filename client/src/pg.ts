/** PostgreSQL for `node-postgres`: the published entry `keyturn/pg`. */
import { LoginBudget } from "./core/login-gate.ts";
import { Rotation } from "./core/rotation.ts";
import type { RotationPorts } from "./core/rotation-ports.ts";
import { openPorts } from "./open-ports.ts";
import { type PoolSettings, type RotatingPoolOptions, readOptions } from "./postgres/options.ts";
import { createPostgresDriver } from "./postgres/postgres-driver.ts";
import { RotatingPool } from "./postgres/rotating-pool.ts";

export {
  ConfigError,
  CredentialRejectedError,
  DependencyError,
  DrainTimeoutError,
  KeyturnError,
} from "../../shared/contract/errors.ts";
export { UnusableSecretError } from "../../shared/engines/postgres.ts";
export { Redacted } from "../../shared/engines/redacted.ts";
export type { Health, HealthOptions } from "./core/health.ts";
export type { Logger } from "./core/logger.ts";
export type * from "./core/rotation-events.ts";
export type { SecretSource, SecretVersion } from "./core/secret-source.ts";
export type { RotatingPoolOptions } from "./postgres/options.ts";
export type { RotatingPool } from "./postgres/rotating-pool.ts";

/**
 * A `pg.Pool` that follows its secret: when the credential is rotated, the pool logs in with the new one, moves over
 * to it, and lets the old connections finish. The object stays the same, so whatever holds it needs no change.
 *
 * Resolves after a first login; a process that starts in the middle of a rotation waits for it, up to `authWaitMs`.
 * AWS endpoint, region and credentials come from the SDK's standard environment. Without `secretId`, the credential
 * is `POSTGRES_HOST`, `_PORT`, `_DB`, `_USER`, `_PASSWORD`, and does not rotate. `pool.end()` ends everything.
 *
 * @throws ConfigError listing every bad option
 * @throws CredentialRejectedError where the store refused the credential for `authWaitMs`; the driver's error is its cause
 * @throws UnusableSecretError where the secret is no PostgreSQL credential
 * @throws DependencyError where Secrets Manager or the store did not answer for `authWaitMs`
 * @throws KeyturnError `SECRET_NOT_FOUND`, `SECRET_ACCESS_DENIED` or `SECRET_UNREADABLE`
 * @example
 * const pool = await createRotatingPool({ secretId: process.env.DB_SECRET_ID, max: 20 });
 * await pool.query("select 1");
 */
export async function createRotatingPool(options: RotatingPoolOptions): Promise<RotatingPool> {
  const settings = readOptions(options, process.env);
  const { secrets = settings.environment, logger } = options;
  const { allowExitOnIdle = false } = settings.pool;
  return startRotatingPool(settings, await openPorts(settings, { secrets, logger, allowExitOnIdle }));
}

async function startRotatingPool(settings: PoolSettings, ports: RotationPorts): Promise<RotatingPool> {
  const { pool: config, verify, warmUp, authWaitMs, maxLoginTries } = settings;
  const budget = new LoginBudget(maxLoginTries);
  const driver = createPostgresDriver({
    config,
    budget,
    verify,
    warmUp,
    max: () => pool.options.max,
    onEvent: (name, first, second) =>
      void (name === "release" ? pool.emit(name, first, second) : pool.emit(name, first)),
    onReopened: () => pool.reopened(),
  });
  const onSwapped = () => {
    const { current } = rotation;
    if (current) pool.follow(current);
  };
  const rotation = new Rotation(settings, ports, { driver, budget, onSwapped });
  const pool = new RotatingPool({ config, rotation, authWaitMs });
  await rotation.start();
  rotation.telemetry.observePool(() => ({
    idle: pool.idleCount,
    used: pool.totalCount - pool.idleCount,
    pending: pool.waitingCount,
    max: pool.options.max,
    idleMin: pool.options.min,
  }));
  return pool;
}
