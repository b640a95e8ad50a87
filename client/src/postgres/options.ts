import type pg from "pg";
import * as z from "zod/mini";
import { ConfigError } from "../../../shared/contract/errors.ts";
import { describeIssues } from "../../../shared/contract/message.ts";
import type { Logger } from "../core/logger.ts";
import type { SecretSource } from "../core/secret-source.ts";

/**
 * Everything that `pg.Pool` takes, but who logs in: user and password come from the secret. `host`, `port` and
 * `database` are used where the secret lacks them.
 */
export interface RotatingPoolOptions extends Omit<pg.PoolConfig, "user" | "password" | "connectionString"> {
  /** ARN or name of the secret. By name it takes one more read, to find its topic. Required. */
  readonly secretId: string | undefined;
  /** URL of the MQTT broker that brings notices. Env `KEYTURN_CHANNEL_URL`. Without it: poll and failed logins only. */
  readonly channelUrl?: string | undefined;
  /** First levels of every topic, `keyturn/STAGE`. Env `KEYTURN_TOPIC_PREFIX`. Required with a channel. */
  readonly topicPrefix?: string | undefined;
  /** Name to report as. Env `KEYTURN_SERVICE`, then the ECS service's name. */
  readonly service?: string | undefined;
  /** How long connections of a retired credential may stay in use, in milliseconds. Default 30000. */
  readonly drainTimeoutMs?: number | undefined;
  /**
   * How long a checkout whose login was refused waits for a credential that logs in, in milliseconds. Default 30000.
   * Then it fails with the driver's own error (SQLSTATE 28P01 or 28000), as it would have at once without Keyturn.
   * Also how long `createRotatingPool` waits for a first login, and before that for the secret to be found by name.
   */
  readonly authWaitMs?: number | undefined;
  /**
   * Failed logins a minute that the pool allows itself, so that no account is locked; each new version has one login
   * besides. Half of it may be under way at once, so it also limits how many connections log in at the same time.
   * Default 5.
   */
  readonly maxLoginTries?: number | undefined;
  /** Interval of the poll in milliseconds, jittered by a tenth. Env `DB_SECRET_REFRESH_INTERVAL_MS`. Default 300000. */
  readonly refreshIntervalMs?: number | undefined;
  /** Default: warnings and errors on stderr. A pino logger fits. */
  readonly logger?: Logger | undefined;
  /** Where secrets are read. Default: AWS Secrets Manager by the SDK's standard environment. */
  readonly secrets?: SecretSource | undefined;
}

/** Options after defaults and environment. */
export interface Settings {
  readonly secretId: string;
  readonly channel: { readonly url: string; readonly topicPrefix: string } | undefined;
  readonly service: string | undefined;
  readonly drainTimeoutMs: number;
  readonly authWaitMs: number;
  readonly maxLoginTries: number;
  readonly refreshIntervalMs: number;
  /** What `pg.Pool` gets, without user and password. */
  readonly pool: pg.PoolConfig;
}

/** Node's longest timer; a longer one fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const milliseconds = (fallback: number) =>
  z._default(
    z.coerce
      .number("must be a number of milliseconds")
      .check(
        z.int("must be whole milliseconds"),
        z.minimum(1, "must be 1 or more"),
        z.maximum(LONGEST_TIMER_MS, `must be at most ${LONGEST_TIMER_MS}`),
      ),
    fallback,
  );
const fromSecret = z.optional(z.undefined("not taken: it comes from the secret"));

const Options = z.looseObject({
  secretId: z
    .string("required: the ARN or the name of a secret")
    .check(z.minLength(1, "required: the ARN or the name of a secret")),
  channelUrl: z.optional(
    z.string().check(z.regex(/^(mqtts?|wss?):\/\/./, "must be an mqtt://, mqtts://, ws:// or wss:// URL")),
  ),
  topicPrefix: z.optional(
    z.string().check(z.regex(/^[^/+#]+(\/[^/+#]+)*$/, "must be topic levels without wildcards")),
  ),
  service: z.optional(z.string().check(z.minLength(1), z.maxLength(256, "must be at most 256 characters"))),
  drainTimeoutMs: milliseconds(30_000),
  authWaitMs: milliseconds(30_000),
  maxLoginTries: z._default(
    z.number("must be a number").check(z.int("must be a whole number"), z.minimum(1, "must be 1 or more")),
    5,
  ),
  refreshIntervalMs: milliseconds(300_000),
  max: z.optional(
    z.number("must be a number").check(z.int("must be a whole number"), z.minimum(1, "must be 1 or more")),
  ),
  user: fromSecret,
  password: fromSecret,
  connectionString: fromSecret,
});

/**
 * Reads options, then the environment for those that are absent, then defaults.
 *
 * @throws ConfigError listing every bad key
 */
export function readOptions(options: RotatingPoolOptions, env: NodeJS.ProcessEnv): Settings {
  const { logger: _logger, secrets: _secrets, ...given } = options;
  const parsed = z.safeParse(Options, {
    ...given,
    channelUrl: given.channelUrl ?? (env.KEYTURN_CHANNEL_URL || undefined),
    topicPrefix: given.topicPrefix ?? (env.KEYTURN_TOPIC_PREFIX || undefined),
    service: given.service ?? (env.KEYTURN_SERVICE || undefined),
    refreshIntervalMs: given.refreshIntervalMs ?? (env.DB_SECRET_REFRESH_INTERVAL_MS || undefined),
  });
  if (!parsed.success) throw new ConfigError(describeIssues(parsed.error));

  const { secretId, channelUrl, topicPrefix, service, ...rest } = parsed.data;
  const { drainTimeoutMs, authWaitMs, maxLoginTries, refreshIntervalMs, ...pool } = rest;
  if (channelUrl !== undefined && topicPrefix === undefined) {
    throw new ConfigError(["topicPrefix: required with a channel; give it or set KEYTURN_TOPIC_PREFIX"]);
  }
  return {
    secretId,
    channel:
      channelUrl === undefined || topicPrefix === undefined ? undefined : { url: channelUrl, topicPrefix },
    service,
    drainTimeoutMs,
    authWaitMs,
    maxLoginTries,
    refreshIntervalMs,
    pool,
  };
}
