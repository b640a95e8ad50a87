import * as z from "zod/mini";
import { ConfigError } from "../../../shared/contract/errors.ts";
import { describeIssues } from "../../../shared/contract/message.ts";
import { ReporterName } from "../../../shared/contract/report.ts";
import type { Logger } from "./logger.ts";
import type { SecretSource } from "./secret-source.ts";

/** What every store's options have in common: which secret, how we hear of it, and how patient we are. */
export interface RotationOptions {
  /** ARN or name of the secret; or ARN of an SSM parameter. By name it takes one more read, to find its topic. */
  readonly secretId: string | undefined;
  /** URL of the MQTT broker that brings notices. Env `KEYTURN_CHANNEL_URL`. Without it: poll and failed logins only. */
  readonly channelUrl?: string | undefined;
  /**
   * How to sign in to the broker: with the AWS credentials of the environment, or not at all. Env
   * `KEYTURN_CHANNEL_AUTH`. Default: `aws-sigv4` for the hosts of AWS IoT Core, `none` for others.
   */
  readonly channelAuth?: ChannelAuth | undefined;
  /** First levels of every topic, `keyturn/STAGE`. Env `KEYTURN_TOPIC_PREFIX`. Required with a channel. */
  readonly topicPrefix?: string | undefined;
  /** Name to report as. Env `KEYTURN_SERVICE`, then the ECS service's name. */
  readonly service?: string | undefined;
  /** How long connections of a retired credential may stay in use, in milliseconds. Default 30000. */
  readonly drainTimeoutMs?: number | undefined;
  /**
   * How long a login that was refused, and the start, waits for a credential that logs in, in milliseconds. Default
   * 30000. Then it fails with the driver's own error, as it would have at once without Keyturn.
   */
  readonly authWaitMs?: number | undefined;
  /** Failed logins a minute that we allow ourselves, so that no account is locked. Default 5. */
  readonly maxLoginTries?: number | undefined;
  /**
   * Whether a refused login also tries the version that waits as AWSPENDING: in a single-user rotation it is the one
   * that the store wants, until AWSCURRENT follows. Default false.
   */
  readonly tryPending?: boolean | undefined;
  /**
   * Interval of the poll while no channel stands, in milliseconds, jittered by a tenth; while one stands, the poll
   * is hourly. Env `DB_SECRET_REFRESH_INTERVAL_MS`. Default 300000.
   */
  readonly refreshIntervalMs?: number | undefined;
  /** Default: warnings and errors on stderr. A pino logger fits. */
  readonly logger?: Logger | undefined;
  /** Where secrets are read. Default: Secrets Manager, or SSM by the ARN, by the SDK's standard environment. */
  readonly secrets?: SecretSource | undefined;
}

export type ChannelAuth = "aws-sigv4" | "none";

/** Options after defaults and environment. */
export interface RotationSettings {
  readonly secretId: string;
  readonly channel: ChannelSettings | undefined;
  readonly service: string | undefined;
  readonly drainTimeoutMs: number;
  readonly authWaitMs: number;
  readonly maxLoginTries: number;
  readonly tryPending: boolean;
  readonly refreshIntervalMs: number;
}

export interface ChannelSettings {
  readonly url: string;
  readonly topicPrefix: string;
  readonly auth: ChannelAuth | undefined;
}

/** Node's longest timer; a longer one fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A duration in whole milliseconds with a default, for the options of a store too. */
export const milliseconds = (fallback: number) =>
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

/** A whole number from 1 on, for the options of a store too. */
export const count = z
  .number("must be a number")
  .check(z.int("must be a whole number"), z.minimum(1, "must be 1 or more"));

/** An option that the driver has, and that Keyturn takes from the secret. */
export const fromSecret = z.optional(z.undefined("not taken: it comes from the secret"));

const required = "required: the ARN or the name of a secret";
const Rotation = z.object({
  secretId: z.string(required).check(z.minLength(1, required)),
  channelUrl: z.optional(
    z.string().check(
      z.regex(/^(mqtts?|wss?):\/\/./, "must be an mqtt://, mqtts://, ws:// or wss:// URL"),
      z.refine((url) => URL.canParse(url), "is no URL"),
    ),
  ),
  channelAuth: z.optional(z.enum(["aws-sigv4", "none"], 'must be "aws-sigv4" or "none"')),
  topicPrefix: z.optional(
    z.string().check(z.regex(/^[^/+#]+(\/[^/+#]+)*$/, "must be topic levels without wildcards")),
  ),
  service: z.optional(ReporterName),
  drainTimeoutMs: milliseconds(30_000),
  authWaitMs: milliseconds(30_000),
  maxLoginTries: z._default(count, 5),
  tryPending: z._default(z.boolean("must be true or false"), false),
  refreshIntervalMs: milliseconds(300_000),
});

/**
 * Reads options, then the environment for those that are absent, then defaults. `rest` holds what is the store's.
 *
 * @param Store schema of the options that the store adds, passes on, or does not take
 * @throws ConfigError listing every bad key
 */
export function readRotationOptions<Schema extends z.ZodMiniType>(
  options: RotationOptions,
  env: NodeJS.ProcessEnv,
  Store: Schema,
): { readonly settings: RotationSettings; readonly rest: z.output<Schema> } {
  const { logger: _logger, secrets: _secrets, ...given } = options;
  const common = z.safeParse(Rotation, {
    ...given,
    channelUrl: given.channelUrl ?? (env.KEYTURN_CHANNEL_URL || undefined),
    channelAuth: given.channelAuth ?? (env.KEYTURN_CHANNEL_AUTH || undefined),
    topicPrefix: given.topicPrefix ?? (env.KEYTURN_TOPIC_PREFIX || undefined),
    service: given.service ?? (env.KEYTURN_SERVICE || undefined),
    refreshIntervalMs: given.refreshIntervalMs ?? (env.DB_SECRET_REFRESH_INTERVAL_MS || undefined),
  });
  const others = Object.entries(given).filter(([name]) => !(name in Rotation.shape));
  const store = z.safeParse(Store, Object.fromEntries(others));
  const problems = [common, store].flatMap(({ error }) => (error ? describeIssues(error) : []));
  if (common.success) problems.push(...channelProblems(common.data));
  if (!common.success || !store.success || problems.length > 0) throw new ConfigError(problems);
  const { channelUrl, channelAuth, topicPrefix, ...settings } = common.data;
  const channel =
    channelUrl === undefined || topicPrefix === undefined
      ? undefined
      : { url: channelUrl, topicPrefix, auth: channelAuth };
  return { settings: { ...settings, service: settings.service, channel }, rest: store.data };
}

function channelProblems({ channelUrl, channelAuth, topicPrefix }: z.output<typeof Rotation>): string[] {
  if (channelUrl === undefined) return [];
  const authProblem = channelAuthProblem(channelUrl, channelAuth);
  return [
    ...(topicPrefix === undefined
      ? ["topicPrefix: required with a channel; give it or set KEYTURN_TOPIC_PREFIX"]
      : []),
    ...(authProblem === undefined ? [] : [authProblem]),
  ];
}

/** Why this way to sign in does not go with this URL; undefined where it does, or where none is given. */
export function channelAuthProblem(url: string, auth: ChannelAuth | undefined): string | undefined {
  if (auth !== "aws-sigv4" || isWebSocket(url)) return undefined;
  return "channelAuth: aws-sigv4 needs a wss:// or ws:// URL as channelUrl";
}

export function isWebSocket(url: string): boolean {
  return /^wss?:/i.test(url);
}
