import { parseDatabaseSecret, UnusableSecretError } from "./database-secret.ts";
import { Redacted } from "./redacted.ts";

/** Where and as whom to log in to MySQL or MariaDB. */
export interface MysqlCredential {
  readonly host: string;
  readonly port: number;
  /** Undefined where neither secret nor configuration names one: the session begins without a default database. */
  readonly database: string | undefined;
  readonly user: string;
  readonly password: Redacted;
}

/** What configuration adds where a secret lacks it: RDS-managed secrets hold only `username` and `password`. */
export interface MysqlDefaults {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database?: string | undefined;
}

const ENGINES = new Set(["mysql", "mariadb", "aurora", "aurora-mysql"]);

/**
 * Reads a secret's text as a MySQL or MariaDB credential; what the secret says wins over the defaults.
 * Port defaults to 3306.
 *
 * @throws UnusableSecretError where it is no JSON object, names another engine, or lacks user, password or host
 */
export function parseMysqlSecret(secret: Redacted, defaults: MysqlDefaults = {}): MysqlCredential {
  const {
    engine,
    host = defaults.host,
    port = defaults.port ?? 3306,
    dbname,
    username,
    password,
  } = parseDatabaseSecret(secret);
  if (engine !== undefined && !ENGINES.has(engine)) {
    throw new UnusableSecretError(`The secret is for engine "${engine}", not for MySQL or MariaDB`);
  }
  if (!host) {
    throw new UnusableSecretError("The secret names no host, and configuration gives none");
  }
  return {
    host,
    port,
    database: dbname || defaults.database,
    user: username,
    password: new Redacted(password),
  };
}

/**
 * The server refuses this credential, now: another one may be taken.
 * https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html,
 * https://mariadb.com/docs/server/reference/error-codes
 *
 * Not among them: 1044 and 1049 (see `describeMysqlDatabaseFailure`), 1130 (this host, whoever it logs in as),
 * 1040, 1203 and 1226 (too many connections).
 */
const AUTH_FAILURES = new Map([
  [1045, "user or password is wrong"],
  [1698, "the account logs in by another method than a password"],
  [1820, "the password has expired"],
  [1862, "the password has expired"],
  [3118, "the account is locked"],
  [3955, "the account is locked after too many failed logins"],
  // MariaDB's own. MySQL uses these two for statements, and drivers name them after those.
  [4150, "the account is locked after too many failed logins"],
  [4151, "the account is locked"],
]);

/** The server says these after it has taken user and password. */
const DATABASE_FAILURES = new Map([
  [1044, "the user may not use the database"],
  [1049, "the database does not exist"],
]);

/** The server's error number; undefined where the error is not the server's. */
export function mysqlErrorNumber(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errno" in error) || typeof error.errno !== "number") return undefined;
  // Errors of the operating system have one too, below zero.
  return error.errno > 0 ? error.errno : undefined;
}

/** True where the store refused the credential, as against being out of reach. Told by number, never by text. */
export function isMysqlAuthFailure(error: unknown): boolean {
  return describeMysqlAuthFailure(error) !== undefined;
}

/** What is wrong with the credential, in our own words; undefined where the error says nothing about it. */
export function describeMysqlAuthFailure(error: unknown): string | undefined {
  return AUTH_FAILURES.get(mysqlErrorNumber(error) ?? 0);
}

/**
 * Why a login that the server took gets no session with its database, in our own words; undefined where that is not
 * it. No refused login, and yet such a credential serves nobody.
 */
export function describeMysqlDatabaseFailure(error: unknown): string | undefined {
  return DATABASE_FAILURES.get(mysqlErrorNumber(error) ?? 0);
}
