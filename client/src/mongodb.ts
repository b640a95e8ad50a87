/** MongoDB and Amazon DocumentDB, for the official driver: the published entry `keyturn/mongodb`. */
import { LoginBudget } from "./core/login-gate.ts";
import { Rotation } from "./core/rotation.ts";
import { createMongoDriver } from "./mongo/mongo-driver.ts";
import { type RotatingClientOptions, readOptions } from "./mongo/options.ts";
import { RotatingClient } from "./mongo/rotating-client.ts";
import { openPorts } from "./open-ports.ts";

export {
  ConfigError,
  CredentialRejectedError,
  DependencyError,
  KeyturnError,
} from "../../shared/contract/errors.ts";
export { UnusableSecretError } from "../../shared/engines/database-secret.ts";
export { Redacted } from "../../shared/engines/redacted.ts";
export type { Health, HealthOptions } from "./core/health.ts";
export type { Logger } from "./core/logger.ts";
export type * from "./core/rotation-events.ts";
export type { SecretSource, SecretVersion } from "./core/secret-source.ts";
export type { RotatingClientOptions } from "./mongo/options.ts";
export type { RotatingClient } from "./mongo/rotating-client.ts";

/**
 * Holds one `MongoClient` that follows its secret: when the credential is rotated, a new client logs in and answers a
 * ping (three tries), takes over, and the old one is closed after the grace period (`drainTimeoutMs`). Where the new
 * credential does not work, nothing changes.
 *
 * Resolves after a first login; a process that starts in the middle of a rotation waits for it, up to `authWaitMs`.
 * AWS endpoint, region and credentials come from the SDK's standard environment. `close()` ends everything.
 *
 * @throws ConfigError listing every bad option
 * @throws CredentialRejectedError where the store refused the credential for `authWaitMs`; the driver's error is its cause
 * @throws UnusableSecretError where the secret is no MongoDB credential
 * @throws DependencyError where Secrets Manager or the store did not answer for `authWaitMs`
 * @throws KeyturnError `SECRET_NOT_FOUND`, `SECRET_ACCESS_DENIED` or `SECRET_UNREADABLE`
 * @example
 * const mongo = await createRotatingClient({ secretId: process.env.DB_SECRET_ID, tls: true, retryWrites: false });
 * await mongo.getDatabase("shop").collection("orders").insertOne({ item: 7 });
 */
export async function createRotatingClient(options: RotatingClientOptions): Promise<RotatingClient> {
  const settings = readOptions(options, process.env);
  const { client: config, defaults, pingTimeoutMs, verify, authWaitMs, maxLoginTries } = settings;
  const ports = await openPorts(settings, options);
  const budget = new LoginBudget(maxLoginTries);
  const driver = createMongoDriver({
    config,
    defaults,
    pingTimeoutMs,
    graceMs: settings.drainTimeoutMs,
    verify,
    onRefused(client) {
      budget.recordRefusal();
      holder.refused(client);
    },
    onRecovered: (client) => holder.recovered(client),
  });
  const rotation = new Rotation(settings, ports, { driver, budget, onSwapped: () => holder.follow() });
  const holder = new RotatingClient({ rotation, budget, authWaitMs, settled: driver.settled });
  await rotation.start();
  return holder;
}
