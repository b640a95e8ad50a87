import type mysql from "mysql2";
import type { Connection } from "mysql2/promise";
import * as z from "zod/mini";
import {
  fromSecret,
  type RotationOptions,
  type RotationSettings,
  readRotationOptions,
} from "../core/rotation-options.ts";

/**
 * Everything that `createPool` of mysql2 takes, but who logs in: user and password come from the secret. `host`,
 * `port` and `database` are used where the secret lacks them.
 *
 * A checkout whose login is refused waits up to `authWaitMs`, then fails with the driver's own error (`errno` 1045 or
 * its like), as it would have at once without Keyturn. Half of `maxLoginTries` may be under way at once, so it also
 * limits how many connections log in at the same time.
 */
export interface RotatingPoolOptions
  extends RotationOptions,
    Omit<mysql.PoolOptions, "user" | "password" | "password1" | "passwordSha1" | "uri" | "pool"> {
  /**
   * Asked of each new credential after its login, on that connection, before anything moves over to it: say a read of
   * a table that the service cannot do without. What it throws keeps the old credential in use.
   */
  readonly verify?: ((connection: Connection) => Promise<unknown>) | undefined;
  /**
   * Whether the new credential opens as many connections as the old one has before it takes over. Until the old ones are
   * given back there may be up to twice `connectionLimit` then. Default true.
   */
  readonly warmUp?: boolean | undefined;
}

/** Options after defaults and environment. */
export interface PoolSettings extends RotationSettings {
  readonly verify: ((connection: Connection) => Promise<unknown>) | undefined;
  readonly warmUp: boolean;
  /** What mysql2 gets, without user and password. */
  readonly pool: mysql.PoolOptions;
}

const PoolOptions = z.looseObject({
  // mysql2 takes 0 for no limit.
  connectionLimit: z.optional(
    z
      .number("must be a number")
      .check(z.int("must be a whole number"), z.minimum(0, "must be 0 (no limit) or more")),
  ),
  stream: z.optional(
    z.custom<mysql.PoolOptions["stream"]>(
      (value) => typeof value === "function",
      "must be a function that opens a connection: each one needs its own",
    ),
  ),
  verify: z.optional(
    z.custom<PoolSettings["verify"]>((value) => typeof value === "function", "must be a function"),
  ),
  warmUp: z._default(z.boolean("must be true or false"), true),
  user: fromSecret,
  password: fromSecret,
  password1: fromSecret,
  passwordSha1: fromSecret,
  uri: fromSecret,
  pool: z.optional(z.undefined("not taken: the pool is made here")),
});

/**
 * Reads options, then the environment for those that are absent, then defaults.
 *
 * @throws ConfigError listing every bad key
 */
export function readOptions(options: RotatingPoolOptions, env: NodeJS.ProcessEnv): PoolSettings {
  const { settings, rest } = readRotationOptions(options, env, PoolOptions);
  const { verify, warmUp, ...pool } = rest;
  return { ...settings, verify, warmUp, pool: pool as object };
}
