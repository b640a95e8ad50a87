import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { parseDatabaseSecret, UnusableSecretError } from "./database-secret.ts";
import { Redacted } from "./redacted.ts";

export { UnusableSecretError };

/** Where and as whom to log in to PostgreSQL. */
export interface PostgresCredential {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: Redacted;
}

/** What configuration adds where a secret lacks it: RDS-managed secrets hold only `username` and `password`. */
export interface PostgresDefaults {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database?: string | undefined;
}

const ENGINES = new Set(["postgres", "postgresql", "aurora-postgresql"]);

/**
 * Reads a secret's text as a PostgreSQL credential; what the secret says wins over the defaults.
 * Port defaults to 5432 and the database to `postgres`, as AWS documents it for these secrets.
 *
 * @throws UnusableSecretError where it is no JSON object, names another engine, or lacks user, password or host
 */
export function parsePostgresSecret(secret: Redacted, defaults: PostgresDefaults = {}): PostgresCredential {
  const {
    engine,
    host = defaults.host,
    port = defaults.port ?? 5432,
    dbname,
    username,
    password,
  } = parseDatabaseSecret(secret);
  if (engine !== undefined && !ENGINES.has(engine)) {
    throw new UnusableSecretError(`The secret is for engine "${engine}", not for PostgreSQL`);
  }
  if (!host) {
    throw new UnusableSecretError("The secret names no host, and configuration gives none");
  }
  return {
    host,
    port,
    database: dbname || defaults.database || "postgres",
    user: username,
    password: new Redacted(password),
  };
}

/**
 * TLS of a connection: none; encrypted without looking at the certificate; or encrypted to a server whose
 * certificate and name are checked against the authorities that Node trusts.
 */
export type PostgresTls = "disable" | "require" | "verify-full";

function postgresSsl(tls: PostgresTls): false | { rejectUnauthorized: boolean } {
  return tls === "disable" ? false : { rejectUnauthorized: tls === "verify-full" };
}

export interface PostgresProbeOptions {
  /** For connecting and for the answer, each, in milliseconds. */
  readonly timeoutMs: number;
  readonly tls: PostgresTls;
}

/**
 * Logs in once with a connection of its own, asks for one row, and logs out. A database that is not there, or not
 * this user's, is no failure of the login.
 *
 * @throws the driver's error; see `isPostgresAuthFailure`
 */
export async function probePostgresLogin(
  credential: PostgresCredential,
  options: PostgresProbeOptions,
): Promise<void> {
  const client = new pg.Client({
    host: credential.host,
    port: credential.port,
    database: credential.database,
    user: credential.user,
    password: credential.password.reveal(),
    connectionTimeoutMillis: options.timeoutMs,
    query_timeout: options.timeoutMs,
    ssl: postgresSsl(options.tls),
    application_name: "keyturn-verify",
  });
  // A server that goes away between two awaits emits "error"; without a listener that ends the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("select 1");
  } catch (error) {
    if (describePostgresDatabaseFailure(error) === undefined) throw error;
  } finally {
    // A server that went silent meanwhile would never close its side; what is known by now must not wait for it.
    const goodbye = client.end().catch(() => undefined);
    await Promise.race([goodbye, setTimeout(GOODBYE_MS, undefined, { ref: false })]);
    client.connection.stream.destroy();
  }
}

const GOODBYE_MS = 500;

/** Class 28 of https://www.postgresql.org/docs/current/errcodes-appendix.html: the login was refused, not the query. */
const AUTH_FAILURES = new Set(["28P01", "28000"]);

/** The server says these after it has taken user and password. */
const DATABASE_FAILURES = new Map([
  ["3D000", "the database does not exist"],
  ["42501", "the user lacks a privilege for the session, such as CONNECT on the database"],
]);

/** SQLSTATE of a driver error, or its Node error code such as `ECONNREFUSED`; undefined where it has neither. */
export function postgresErrorCode(error: unknown): string | undefined {
  if (error instanceof AggregateError) return postgresErrorCode(error.errors[0]);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** True where the store refused the credential, as against being out of reach. Told by SQLSTATE, never by text. */
export function isPostgresAuthFailure(error: unknown): boolean {
  return AUTH_FAILURES.has(postgresErrorCode(error) ?? "");
}

/**
 * True where the server turned a connection away before it looked at the credential: no line of its pg_hba.conf fits the
 * address, user, database and encryption, or one rejects them. It has the SQLSTATE of a refused login. The server's
 * function tells it apart, since messages are translated:
 * https://github.com/postgres/postgres/blob/master/src/backend/libpq/auth.c
 */
export function isPostgresHostRefusal(error: unknown): boolean {
  if (postgresErrorCode(error) !== "28000") return false;
  return error instanceof Error && "routine" in error && error.routine === "ClientAuthentication";
}

/**
 * Why a login that the server took gets no session with its database, in our own words; undefined where that is not
 * it. No refused login, and yet such a credential serves nobody.
 */
export function describePostgresDatabaseFailure(error: unknown): string | undefined {
  return DATABASE_FAILURES.get(postgresErrorCode(error) ?? "");
}
