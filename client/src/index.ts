/** Any secret, and any store that has no entry of its own: the published entry `keyturn`. */
import * as z from "zod/mini";
import type { Redacted } from "../../shared/engines/redacted.ts";
import { LoginBudget } from "./core/login-gate.ts";
import type { ResourceDriver } from "./core/rotating-resource.ts";
import { Rotation } from "./core/rotation.ts";
import { milliseconds, type RotationOptions, readRotationOptions } from "./core/rotation-options.ts";
import { openPorts } from "./open-ports.ts";
import { type SecretValue, WatchedSecret } from "./secret/watched-secret.ts";

export {
  ConfigError,
  CredentialRejectedError,
  DependencyError,
  DrainTimeoutError,
  KeyturnError,
} from "../../shared/contract/errors.ts";
export { Redacted } from "../../shared/engines/redacted.ts";
export type { Health, HealthOptions } from "./core/health.ts";
export type { Logger } from "./core/logger.ts";
export type { Refusal } from "./core/refusal.ts";
export type { ResourceDriver } from "./core/rotating-resource.ts";
export type { ChannelState, Rotation } from "./core/rotation.ts";
export type * from "./core/rotation-events.ts";
export type { ChannelAuth, RotationOptions } from "./core/rotation-options.ts";
export type { SecretSource, SecretVersion } from "./core/secret-source.ts";
export type { SecretValue, WatchedSecret } from "./secret/watched-secret.ts";

export interface WatchSecretOptions<T>
  extends Omit<RotationOptions, "secretId" | "drainTimeoutMs" | "tryPending" | "maxLoginTries"> {
  /** Makes a value of the secret's text. Default: the text, redacted. What it throws keeps the version before. */
  readonly parse?: ((text: string) => T) | undefined;
  /**
   * Tries the new value for real, before it is used. What it throws keeps the version before; a `DependencyError`
   * says that it could not be tried, and has it tried again.
   */
  readonly verify?: ((value: T) => unknown) | undefined;
  /** Called after each change, not for the first value. What it throws is logged. */
  readonly onRotate?: ((current: SecretValue<T>, previous: SecretValue<T>) => unknown) | undefined;
  /** How long a former version stays among those that are `valid`, in milliseconds. Default 30000. */
  readonly graceMs?: number | undefined;
}

/**
 * Follows a secret that no connection hangs on: an API key, a ring of signing keys. Resolves with the first value.
 *
 * @param secretId ARN or name of the secret, or ARN of an SSM parameter
 * @throws ConfigError, CredentialRejectedError where `parse` or `verify` will not have the first value, DependencyError
 * or another KeyturnError where it cannot be read
 * @example
 * const key = await watchSecret("payments/api-key", { onRotate: ({ value }) => api.useKey(value.reveal()) });
 * api.useKey(key.current.value.reveal());
 */
export function watchSecret(
  secretId: string | undefined,
  options?: Omit<WatchSecretOptions<Redacted>, "parse">,
): Promise<WatchedSecret<Redacted>>;
export function watchSecret<T>(
  secretId: string | undefined,
  options: WatchSecretOptions<T> & { readonly parse: (text: string) => T },
): Promise<WatchedSecret<T>>;
export async function watchSecret<T>(
  secretId: string | undefined,
  { parse, verify, onRotate, ...options }: WatchSecretOptions<T> = {},
): Promise<WatchedSecret<T | Redacted>> {
  const { settings, rest } = readRotationOptions({ ...options, secretId }, process.env, WatchOptions);
  const ports = await openPorts(settings, options);
  const watched = new WatchedSecret<T | Redacted>(settings, ports, {
    parse: (secret) => (parse ? parse(secret.reveal()) : secret),
    verify: verify as ((value: T | Redacted) => unknown) | undefined,
    onRotate: onRotate as WatchSecretOptions<T | Redacted>["onRotate"],
    graceMs: rest.graceMs,
  });
  await watched.start();
  return watched;
}

const WatchOptions = z.strictObject({ graceMs: milliseconds(30_000) });

export interface RotatingResourceOptions<T> extends RotationOptions {
  readonly driver: ResourceDriver<T>;
}

/** After the first login there is always a version in use. */
export type StartedRotation<T> = Rotation<T> & { readonly current: T };

/**
 * Follows a secret for a store that has no entry of its own. The driver says how to log in, to hand over and to close;
 * everything else is as for `keyturn/pg`: `rotation.current` is what the driver made of the version in use,
 * `rotation.loginRefused()` is to be called when the store refuses a login, `rotation.events` tells of each step.
 *
 * @throws as `createRotatingPool` of `keyturn/pg`
 * @example
 * const rotation = await createRotatingResource({ secretId, driver: ldapDriver });
 * await rotation.current.search("ou=people");
 * await rotation.end((client) => client.unbind());
 */
export async function createRotatingResource<T>({
  driver,
  ...options
}: RotatingResourceOptions<T>): Promise<StartedRotation<T>> {
  const { settings } = readRotationOptions(options, process.env, z.strictObject({}));
  const ports = await openPorts(settings, options);
  const budget = new LoginBudget(settings.maxLoginTries);
  const rotation = new OwnStoreRotation(settings, ports, { driver: counting(driver, budget), budget });
  await rotation.start();
  return rotation as StartedRotation<T>;
}

/** A refused login is counted where it is told of; the drivers of our own count at the store's gate. */
class OwnStoreRotation<T> extends Rotation<T> {
  override loginRefused(): Promise<void> {
    this.budget.recordRefusal();
    return super.loginRefused();
  }
}

function counting<T>(driver: ResourceDriver<T>, budget: LoginBudget): ResourceDriver<T> {
  const verify = async (resource: T) => {
    try {
      await driver.verify(resource);
    } catch (error) {
      if (driver.refusal(error)) budget.recordRefusal();
      throw error;
    }
  };
  // Not spread: a driver may be an object of a class.
  return Object.assign(Object.create(driver), { verify });
}
