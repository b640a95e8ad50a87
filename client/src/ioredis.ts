/** Redis and Valkey for `ioredis`: the published entry `keyturn/ioredis`. */
import { LoginBudget } from "./core/login-gate.ts";
import { Rotation } from "./core/rotation.ts";
import type { RotationPorts } from "./core/rotation-ports.ts";
import { openPorts } from "./open-ports.ts";
import { Clients } from "./redis/clients.ts";
import { Logins } from "./redis/logins.ts";
import { type RedisSettings, type RotatingRedisOptions, readOptions } from "./redis/options.ts";
import { createRedisDriver } from "./redis/redis-driver.ts";
import { RotatingRedis } from "./redis/rotating-redis.ts";
import type { VersionLogin } from "./redis/version-login.ts";

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
export type { RotatingRedisOptions } from "./redis/options.ts";
export type { RotatingRedis } from "./redis/rotating-redis.ts";

/**
 * A `Redis` of ioredis that follows its secret: when the credential is rotated, it logs in with the new one on a
 * connection of its own, and then gives it to the open connections. The object stays the same, so whatever holds it
 * needs no change.
 *
 * Resolves after a first login; a process that starts in the middle of a rotation waits for it, up to `authWaitMs`.
 * `redis.quit()` ends everything. Redis 6 or newer, or Valkey; one server (no Cluster, no Sentinel).
 *
 * @throws ConfigError listing every bad option
 * @throws CredentialRejectedError where the store refused the credential for `authWaitMs`; its own error is the cause
 * @throws UnusableSecretError where the secret is no Redis credential
 * @throws DependencyError where Secrets Manager or the store did not answer for `authWaitMs`
 * @throws KeyturnError `SECRET_NOT_FOUND`, `SECRET_ACCESS_DENIED` or `SECRET_UNREADABLE`
 * @example
 * const redis = await createRotatingRedis({ secretId: process.env.CACHE_SECRET_ID, host: "cache.internal", tls: {} });
 * await redis.set("greeting", "hello");
 */
export async function createRotatingRedis(options: RotatingRedisOptions): Promise<RotatingRedis> {
  const settings = readOptions(options, process.env);
  return startRotatingRedis(settings, await openPorts(settings, options));
}

async function startRotatingRedis(settings: RedisSettings, ports: RotationPorts): Promise<RotatingRedis> {
  const { redis: config, verify, authWaitMs, maxLoginTries, drainTimeoutMs } = settings;
  const budget = new LoginBudget(maxLoginTries);
  const driver = createRedisDriver({
    config,
    verify,
    budget,
    onReopened: () => {
      logins.wakeAll();
      clients.follow();
    },
    onRetired: () => clients.follow(),
    onClosed: (login) => clients.cut(login),
  });
  const rotation = new Rotation<VersionLogin>(settings, ports, {
    driver,
    budget,
    onSwapped: () => logins.wakeAll(),
  });
  const logins = new Logins({ rotation, authWaitMs, onRecovered: () => clients.follow() });
  const clients = new Clients({ rotation, logins, drainTimeoutMs });
  await rotation.start();
  const redis = new RotatingRedis(config, { clients });
  rotation.emitBy(redis);
  return redis;
}
