import type { Redis, RedisOptions } from "ioredis";
import * as z from "zod/mini";
import {
  fromSecret,
  type RotationOptions,
  type RotationSettings,
  readRotationOptions,
} from "../core/rotation-options.ts";

/**
 * Everything that `ioredis` takes for one server, but who logs in: user and password come from the secret. `host`,
 * `port` and `tls` are used where the secret lacks them.
 *
 * A connection whose login is refused waits for a credential that works, and commands wait with it in ioredis' offline
 * queue, each up to `authWaitMs`; then it fails with the store's own error (`WRONGPASS`). With `enableOfflineQueue:
 * false` commands wait there all the same while a connection moves to another host.
 */
export interface RotatingRedisOptions
  extends RotationOptions,
    Omit<
      RedisOptions,
      "username" | "password" | "Connector" | "sentinels" | "sentinelUsername" | "sentinelPassword"
    > {
  /**
   * Asked of each new credential after its login, on that connection, before anything moves over to it: say a read of
   * a key that the service cannot do without. What it throws keeps the old credential in use.
   */
  readonly verify?: Verify | undefined;
}

export type Verify = (client: Redis) => Promise<unknown>;

/** Options after defaults and environment. */
export interface RedisSettings extends RotationSettings {
  readonly verify: Verify | undefined;
  /** What ioredis gets, without user and password. */
  readonly redis: RedisOptions;
}

const notSupported = (why: string) => z.optional(z.undefined(why));
const noSentinel = notSupported("not supported: Keyturn logs in to one server, give its host and port");

const StoreOptions = z.looseObject({
  verify: z.optional(z.custom<Verify>((value) => typeof value === "function", "must be a function")),
  username: fromSecret,
  password: fromSecret,
  Connector: notSupported("not taken: Keyturn connects with its own"),
  sentinels: noSentinel,
  sentinelUsername: noSentinel,
  sentinelPassword: noSentinel,
});

/**
 * Reads options, then the environment for those that are absent, then defaults.
 *
 * @throws ConfigError listing every bad key
 */
export function readOptions(options: RotatingRedisOptions, env: NodeJS.ProcessEnv): RedisSettings {
  const { settings, rest } = readRotationOptions(options, env, StoreOptions);
  const { verify, ...redis } = rest;
  return { ...settings, verify, redis };
}
