import * as z from "zod/mini";
import { describeIssues } from "../contract/message.ts";
import { orAbsent, UnusableSecretError } from "./database-secret.ts";
import { Redacted } from "./redacted.ts";

/** Where and as whom to log in to MongoDB, or to Amazon DocumentDB. */
export interface MongoCredential {
  /** Hosts, database and whatever else a connection string says, but without user and password. */
  readonly uri: string;
  readonly username: string;
  readonly password: Redacted;
  /** Undefined where the secret does not say. */
  readonly tls: boolean | undefined;
  readonly replicaSet: string | undefined;
  /** Undefined where the connection string, or its DNS record, is to say it. */
  readonly authSource: string | undefined;
}

/** What configuration adds where a secret lacks it. */
export interface MongoDefaults {
  /** Connection string without user and password. Wins over `host` and `port`. */
  readonly uri?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database?: string | undefined;
}

const asText = orAbsent(z.string());
/** AWS documents it as a boolean; people write it as a text. */
const asFlag = z.optional(
  z.pipe(
    z.union([z.boolean(), z.enum(["true", "false", ""]), z.null()]),
    z.transform((value) => (value === "" || value === null ? undefined : String(value) === "true")),
  ),
);

/**
 * Shape of an Amazon DocumentDB secret, and beside it those that hold a connection string:
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
 */
const MongoSecret = z.object({
  engine: asText,
  connectionString: asText,
  uri: asText,
  host: asText,
  port: orAbsent(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(65_535))),
  dbname: asText,
  username: asText,
  password: asText,
  ssl: asFlag,
  replicaSet: asText,
  authSource: asText,
});
type MongoSecret = z.output<typeof MongoSecret>;

const ENGINES = new Set(["mongo", "mongodb", "docdb", "documentdb"]);

/** Scheme, user with password, and the rest. Neither of the first two holds a slash, nor an "@" that is not encoded. */
const CONNECTION_STRING = /^(mongodb(?:\+srv)?:\/\/)(?:([^@/]*)@)?([^@/][^@]*)$/;

/**
 * Reads a secret's text as a MongoDB credential: a connection string as it is, or a JSON object with
 * `connectionString` (or `uri`), or with `host` as Amazon DocumentDB has it. What the secret says wins over the
 * defaults; `username` and `password` beside a connection string win over those in it. The port defaults to 27017.
 *
 * A user is looked up in `authSource`, else in `dbname`, else in `admin`, as AWS's rotation function does it. With a
 * connection string that is the string's affair.
 *
 * @throws UnusableSecretError where it is neither, names another engine, or lacks user, password or host
 */
export function parseMongoSecret(secret: Redacted, defaults: MongoDefaults = {}): MongoCredential {
  const parsed = readSecret(secret.reveal().trim());
  const given = splitConnectionString(parsed.connectionString ?? parsed.uri);
  const username = parsed.username ?? given?.username;
  const password = parsed.password ?? given?.password;
  if (!username || !password) {
    throw new UnusableSecretError("The secret lacks username or password; a connection string may hold both");
  }
  if (parsed.engine !== undefined && !ENGINES.has(parsed.engine)) {
    throw new UnusableSecretError(`The secret is for engine "${parsed.engine}", not for MongoDB`);
  }
  const uri = given?.uri ?? uriOf(parsed, defaults);
  const hasOwnUri = given !== undefined || uri === defaults.uri;
  return {
    uri,
    username,
    password: new Redacted(password),
    tls: parsed.ssl,
    replicaSet: parsed.replicaSet,
    authSource: parsed.authSource ?? (hasOwnUri ? undefined : (parsed.dbname ?? "admin")),
  };
}

function readSecret(text: string): MongoSecret {
  let json: unknown;
  try {
    json = CONNECTION_STRING.test(text) ? { connectionString: text } : JSON.parse(text);
  } catch {
    // The parser's message quotes the text, so it must not become the cause.
    throw new UnusableSecretError(
      "The secret is neither a connection string nor JSON; a MongoDB secret is one, or an object with username and password",
    );
  }
  const parsed = z.safeParse(MongoSecret, json);
  if (parsed.success) return parsed.data;
  throw new UnusableSecretError(
    `The secret is not a MongoDB secret: ${describeIssues(parsed.error).join("; ")}`,
  );
}

function uriOf({ host, port, dbname }: MongoSecret, defaults: MongoDefaults): string {
  if (!host && defaults.uri) return defaults.uri;
  const name = host ?? defaults.host;
  if (!name) throw new UnusableSecretError("The secret names no host, and configuration gives none");
  const address = name.includes(":") ? `[${name}]` : name;
  const database = encodeURIComponent(dbname ?? defaults.database ?? "");
  return `mongodb://${address}:${port ?? defaults.port ?? 27_017}/${database}`;
}

/** Takes user and password out of a connection string, so that it may be handed on. */
function splitConnectionString(
  text: string | undefined,
): { uri: string; username?: string; password?: string } | undefined {
  if (text === undefined) return undefined;
  const [, scheme, login, rest] = CONNECTION_STRING.exec(text) ?? [];
  if (!scheme || !rest) {
    throw new UnusableSecretError(
      "The secret's connection string is not mongodb:// or mongodb+srv://, or has an @ that is not encoded as %40",
    );
  }
  const uri = `${scheme}${rest}`;
  if (!login) return { uri };
  const [username = "", ...password] = login.split(":");
  try {
    return { uri, username: decodeURIComponent(username), password: decodeURIComponent(password.join(":")) };
  } catch {
    throw new UnusableSecretError("User or password in the secret's connection string is not URL-encoded");
  }
}

/** https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml */
const AUTHENTICATION_FAILED = 18;
/** Atlas has one code for all that its proxy refuses; only in the handshake is it the login. */
const ATLAS_ERROR = 8000;
/** The driver's label for what failed before a connection could be used. */
const HANDSHAKE = "HandshakeError";

/**
 * The store's own error where it refused the credential, as against being out of reach; else undefined. Told by the
 * server's code, never by text; also where the driver has put errors of its own around it.
 */
export function mongoAuthFailure(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = mongoErrorCode(error);
  if (code === AUTHENTICATION_FAILED) return error;
  if (code === ATLAS_ERROR) return failedInHandshake(error) ? error : undefined;
  return mongoAuthFailure(error.cause);
}

/** The server's error code; undefined where the error is not the server's. */
export function mongoErrorCode(error: unknown): number | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "number" ? error.code : undefined;
}

/** True where the store refused the credential. */
export function isMongoAuthFailure(error: unknown): boolean {
  return mongoAuthFailure(error) !== undefined;
}

/** Whether it came before a connection could be used: from a login, and not from a command. */
export function failedInHandshake(error: Error): boolean {
  return "errorLabels" in error && Array.isArray(error.errorLabels) && error.errorLabels.includes(HANDSHAKE);
}
