import * as z from "zod/mini";
import { describeIssues } from "../contract/message.ts";
import { orAbsent, UnusableSecretError } from "./database-secret.ts";
import { Redacted } from "./redacted.ts";

/** Where and as whom to log in to Redis or Valkey. */
export interface RedisCredential {
  readonly host: string;
  readonly port: number;
  /** Whether the secret asks for TLS. */
  readonly tls: boolean;
  /** Absent where a server has one password for all: `requirepass`, ElastiCache's AUTH token. */
  readonly user: string | undefined;
  readonly password: Redacted;
}

/** What configuration adds where a secret lacks it: ElastiCache's secrets hold neither engine nor host. */
export interface RedisDefaults {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** `true` and `"true"`; forms that were left empty count as no. */
const Flag = z.optional(
  z.pipe(
    z.union([z.boolean(), z.null(), z.enum(["", "true", "false"])]),
    z.transform((value) => value === true || value === "true"),
  ),
);

const RedisSecret = z.object({
  engine: orAbsent(z.string()),
  host: orAbsent(z.string()),
  port: orAbsent(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(65_535))),
  ssl: Flag,
  tls: Flag,
  username: orAbsent(z.string()),
  password: orAbsent(z.string()),
  auth_token: orAbsent(z.string()),
});

const ENGINES = new Set(["redis", "valkey", "elasticache", "memorydb"]);

/**
 * Reads a secret's text as a Redis credential; what the secret says wins over the defaults. The password is in
 * `password` or `auth_token`; port defaults to 6379.
 *
 * @throws UnusableSecretError where it is no JSON object, names another engine, or lacks password or host
 */
export function parseRedisSecret(secret: Redacted, defaults: RedisDefaults = {}): RedisCredential {
  const { engine, username, ...fields } = readSecret(secret);
  if (engine !== undefined && !ENGINES.has(engine)) {
    throw new UnusableSecretError(`The secret is for engine "${engine}", not for Redis`);
  }
  const password = fields.password ?? fields.auth_token;
  if (password === undefined) {
    throw new UnusableSecretError("The secret has neither password nor auth_token");
  }
  const { host = defaults.host, port = defaults.port ?? 6379, ssl = false, tls = false } = fields;
  if (!host) {
    throw new UnusableSecretError("The secret names no host, and configuration gives none");
  }
  return { host, port, tls: ssl || tls, user: username, password: new Redacted(password) };
}

function readSecret(secret: Redacted): z.output<typeof RedisSecret> {
  let json: unknown;
  try {
    json = JSON.parse(secret.reveal());
  } catch {
    // The parser's message quotes the text, so it must not become the cause.
    throw new UnusableSecretError(
      "The secret is not JSON; a Redis secret is an object with username and password, or with auth_token",
    );
  }
  const parsed = z.safeParse(RedisSecret, json);
  if (!parsed.success) {
    throw new UnusableSecretError(
      `The secret is not a Redis secret: ${describeIssues(parsed.error).join("; ")}`,
    );
  }
  return parsed.data;
}

/** WRONGPASS also stands for a user that is switched off or gone; NOAUTH for a session that nobody logged in to. */
const AUTH_FAILURES = new Set(["WRONGPASS", "NOAUTH"]);

/**
 * Kind of an error: Node's code such as `ECONNREFUSED`, or the word in capitals with which an error reply begins
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors). Undefined where it has neither.
 */
export function redisErrorCode(error: unknown): string | undefined {
  if (error instanceof AggregateError && error.errors.length > 0) return redisErrorCode(error.errors[0]);
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  return /^[A-Z]{2,}(?= |$)/.exec(error.message)?.[0];
}

/** Servers before Redis 6 have no word of their own for it; only AUTH is answered so. */
const WRONG_PASSWORD_BEFORE_6 = "ERR invalid password";

/** True where the store refused the credential, as against being out of reach. */
export function isRedisAuthFailure(error: unknown): boolean {
  if (error instanceof Error && error.message === WRONG_PASSWORD_BEFORE_6) return true;
  return AUTH_FAILURES.has(redisErrorCode(error) ?? "");
}

/** Answers to AUTH that are about how the server is set up: it has no password, or no users. */
const NOT_SET_UP = [
  {
    // Redis 6 and newer; before it.
    answers: /^ERR (AUTH <password> called without any password|Client sent AUTH, but no password is set)/,
    why: "the server has no password set, and takes everybody",
  },
  {
    answers: /^ERR wrong number of arguments for 'auth' command/i,
    why: "the server is older than Redis 6 and knows no users; leave username out of the secret",
  },
];

/** Why a server cannot try a credential at all, in our own words; undefined where that is not it. */
export function describeRedisSetupFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return NOT_SET_UP.find(({ answers }) => answers.test(error.message))?.why;
}

/** True where the store knows the user and does not let it do what was asked. */
export function isRedisPermissionFailure(error: unknown): boolean {
  return redisErrorCode(error) === "NOPERM";
}
