import type pg from "pg";
import * as z from "zod/mini";
import {
  count,
  fromSecret,
  type RotationOptions,
  type RotationSettings,
  readRotationOptions,
} from "../core/rotation-options.ts";
import type { SecretSource } from "../core/secret-source.ts";
import { ENVIRONMENT, readPostgresEnvironment } from "../sources/environment.ts";

/**
 * Everything that `pg.Pool` takes, but who logs in: user and password come from the secret. `host`, `port` and
 * `database` are used where the secret lacks them.
 *
 * A checkout whose login is refused waits up to `authWaitMs`, then fails with the driver's own error (SQLSTATE 28P01
 * or 28000), as it would have at once without Keyturn. Half of `maxLoginTries` may be under way at once, so it also
 * limits how many connections log in at the same time.
 */
export interface RotatingPoolOptions
  extends RotationOptions,
    Omit<pg.PoolConfig, "user" | "password" | "connectionString" | "verify"> {
  /**
   * Asked of each new credential after its login, on that connection, before anything moves over to it: say a read of
   * a table that the service cannot do without. What it throws keeps the old credential in use.
   */
  readonly verify?: ((client: pg.Client) => Promise<unknown>) | undefined;
  /**
   * Whether the new credential opens as many connections as the old one has before it takes over. Until the old ones are
   * given back there may be up to twice `max` then. Default true.
   */
  readonly warmUp?: boolean | undefined;
}

/** Options after defaults and environment. */
export interface PoolSettings extends RotationSettings {
  readonly verify: ((client: pg.Client) => Promise<unknown>) | undefined;
  readonly warmUp: boolean;
  /** Where the credential comes from, where neither a secret nor a source was given. */
  readonly environment: SecretSource | undefined;
  /** What `pg.Pool` gets, without user and password. */
  readonly pool: pg.PoolConfig;
}

const PoolOptions = z.looseObject({
  max: z.optional(count),
  verify: z.optional(
    z.custom<PoolSettings["verify"]>((value) => typeof value === "function", "must be a function"),
  ),
  warmUp: z._default(z.boolean("must be true or false"), true),
  user: fromSecret,
  password: fromSecret,
  connectionString: fromSecret,
});

/**
 * Reads options, then the environment for those that are absent, then defaults. Without a secret, `POSTGRES_HOST` and
 * its like are the credential.
 *
 * @throws ConfigError listing every bad key
 */
export function readOptions(options: RotatingPoolOptions, env: NodeJS.ProcessEnv): PoolSettings {
  const needsEnvironment = options.secretId === undefined && options.secrets === undefined;
  const environment = needsEnvironment ? readPostgresEnvironment(env) : undefined;
  const given = environment ? { ...options, secretId: ENVIRONMENT } : options;
  const { settings, rest } = readRotationOptions(given, env, PoolOptions);
  const { verify, warmUp, ...pool } = rest;
  const config: pg.PoolConfig = { ...pool };
  if (environment?.ssl !== undefined) config.ssl ??= environment.ssl;
  if (environment?.max !== undefined) config.max ??= environment.max;
  return {
    ...settings,
    verify,
    warmUp,
    environment: environment?.source,
    pool: config,
  };
}
