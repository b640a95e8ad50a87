import { MongoClient, type MongoClientOptions } from "mongodb";
import * as z from "zod/mini";
import { ConfigError } from "../../../shared/contract/errors.ts";
import type { MongoDefaults } from "../../../shared/engines/mongodb.ts";
import {
  fromSecret,
  milliseconds,
  type RotationOptions,
  type RotationSettings,
  readRotationOptions,
} from "../core/rotation-options.ts";

/**
 * Everything that `MongoClient` takes, but who logs in: user and password come from the secret. Where the secret says
 * `ssl` or `replicaSet`, that wins over the options here; of a connection string the options win, as with
 * `MongoClient`.
 *
 * `maxLoginTries` holds for the logins that this library makes. A `MongoClient` opens connections of its own accord
 * too, and each that the store refuses counts, but it cannot be kept from opening another.
 */
export interface RotatingClientOptions extends RotationOptions, Omit<MongoClientOptions, "auth"> {
  /** Connection string without user and password, for secrets that name no host. Wins over `host` and `port`. */
  readonly uri?: string | undefined;
  /** Where the secret names no host. */
  readonly host?: string | undefined;
  /** Where the secret names none. Default 27017. */
  readonly port?: number | undefined;
  /** Default database, where the secret names none. Default `test`, as the driver has it. */
  readonly database?: string | undefined;
  /** How long a new credential may take to log in and answer a ping, in milliseconds. Three tries. Default 5000. */
  readonly pingTimeoutMs?: number | undefined;
  /**
   * Asked of each new credential after its ping, before anything moves over to it: say a read that the service cannot
   * do without. What it throws, or 10 seconds, keep the old credential in use.
   */
  readonly verify?: ((client: MongoClient) => Promise<unknown>) | undefined;
}

/** Options after defaults and environment. */
export interface ClientSettings extends RotationSettings {
  readonly defaults: MongoDefaults;
  readonly pingTimeoutMs: number;
  readonly verify: RotatingClientOptions["verify"];
  /** What `MongoClient` gets, without the login. */
  readonly client: MongoClientOptions;
}

const ClientOptions = z.looseObject({
  uri: z.optional(
    z.string().check(
      z.regex(/^mongodb(\+srv)?:\/\/./, "must be a mongodb:// or mongodb+srv:// connection string"),
      z.refine((uri) => !uri.includes("@"), "must hold no user: it comes from the secret"),
    ),
  ),
  host: z.optional(z.string().check(z.minLength(1))),
  port: z.optional(
    z.number("must be a port").check(z.int(), z.minimum(1), z.maximum(65_535, "must be a port")),
  ),
  database: z.optional(z.string().check(z.minLength(1))),
  pingTimeoutMs: milliseconds(5_000),
  verify: z.optional(
    z.custom<RotatingClientOptions["verify"]>((value) => typeof value === "function", "must be a function"),
  ),
  auth: fromSecret,
});

/**
 * Reads options, then the environment for those that are absent, then defaults.
 *
 * @throws ConfigError listing every bad key, or what the driver will not take
 */
export function readOptions(options: RotatingClientOptions, env: NodeJS.ProcessEnv): ClientSettings {
  const { settings, rest } = readRotationOptions(options, env, ClientOptions);
  const { uri, host, port, database, pingTimeoutMs, verify, auth: _none, ...client } = rest;
  try {
    // The driver checks its options when it is made, and opens nothing yet.
    new MongoClient("mongodb://127.0.0.1", client);
  } catch (error) {
    throw new ConfigError([
      `options of MongoClient: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  }
  return { ...settings, defaults: { uri, host, port, database }, pingTimeoutMs, verify, client };
}
