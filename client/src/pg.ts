/** PostgreSQL for `node-postgres`: the published entry `keyturn/pg`. */
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { createMqttChannel } from "./channels/mqtt.ts";
import { identifyInstance } from "./core/instance.ts";
import { type Logger, warningsOnly } from "./core/logger.ts";
import { createSecretsManagerSource, type SecretSource } from "./core/secret-source.ts";
import { type RotatingPoolOptions, readOptions, type Settings } from "./postgres/options.ts";
import type { RotatingPool } from "./postgres/rotating-pool.ts";
import { startRotatingPool } from "./postgres/start-rotating-pool.ts";

export {
  ConfigError,
  CredentialRejectedError,
  DependencyError,
  KeyturnError,
} from "../../shared/contract/errors.ts";
export { UnusableSecretError } from "../../shared/engines/postgres.ts";
export { Redacted } from "../../shared/engines/redacted.ts";
export type { Logger } from "./core/logger.ts";
export type { SecretSource, SecretVersion } from "./core/secret-source.ts";
export type { RotatingPoolOptions } from "./postgres/options.ts";
export type { RotatingPool } from "./postgres/rotating-pool.ts";

/**
 * A `pg.Pool` that follows its secret: when the credential is rotated, the pool logs in with the new one, moves over
 * to it, and lets the old connections finish. The object stays the same, so whatever holds it needs no change.
 *
 * Resolves after a first login; a process that starts in the middle of a rotation waits for it, up to `authWaitMs`.
 * AWS endpoint, region and credentials come from the SDK's standard environment. `pool.end()` ends everything.
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
  const logger = options.logger ?? warningsOnly;
  if (options.secrets) return start(settings, options.secrets, logger);
  const client = new SecretsManagerClient({});
  try {
    return await start(settings, createSecretsManagerSource(client), logger, () => client.destroy());
  } catch (error) {
    client.destroy();
    throw error;
  }
}

async function start(
  settings: Settings,
  source: SecretSource,
  logger: Logger,
  onEnded: () => void = () => undefined,
): Promise<RotatingPool> {
  const { secretId, service, channel } = settings;
  if (!channel) {
    logger.warn(
      { secretId },
      "No channel is configured; new versions are found by poll and failed login only",
    );
  }
  const allowExitOnIdle = settings.pool.allowExitOnIdle ?? false;
  const instance = await identifyInstance(process.env.ECS_CONTAINER_METADATA_URI_V4, service, logger);
  return startRotatingPool(settings, {
    source,
    createChannel:
      channel && ((secretArn) => createMqttChannel({ ...channel, secretArn, logger, allowExitOnIdle })),
    instance,
    logger,
    onEnded,
  });
}
