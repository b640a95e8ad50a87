/** Facts that are safe to log and to show: ids, names, counts. Never a secret, a connection string or a raw event. */
export type SafeDetails = Readonly<Record<string, string | number | boolean | undefined>>;

export interface KeyturnErrorOptions {
  readonly cause?: unknown;
  readonly details?: SafeDetails;
}

/**
 * Base of every error that Keyturn raises itself. `code` is stable and safe to branch on;
 * the message may change between versions.
 *
 * @example
 * try { await createRotatingPool({ secretId }); } catch (error) {
 *   if (error instanceof KeyturnError && error.code === "CONFIG_INVALID") process.exit(2);
 * }
 */
export class KeyturnError extends Error {
  // Written out in every class: a minifier renames classes, and logs must not show its names.
  override readonly name: string = "KeyturnError";
  readonly code: string;
  readonly details: SafeDetails;

  constructor(code: string, message: string, options: KeyturnErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Configuration is missing or wrong. The message lists every bad key, so that one start shows all of them. */
export class ConfigError extends KeyturnError {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super("CONFIG_INVALID", `Configuration is invalid: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

/** A message that no retry can mend: it belongs in the dead-letter queue. */
export class InvalidMessageError extends KeyturnError {
  override readonly name = "InvalidMessageError";

  constructor(message: string, options?: KeyturnErrorOptions) {
    super("MESSAGE_INVALID", message, options);
  }
}

/** Something that we depend on did not answer, or is not ready yet: the same message succeeds later. */
export class DependencyError extends KeyturnError {
  override readonly name = "DependencyError";

  constructor(message: string, options?: KeyturnErrorOptions) {
    super("DEPENDENCY_FAILED", message, options);
  }
}

/** The store refused the new credential: keep the old one. */
export class CredentialRejectedError extends KeyturnError {
  override readonly name = "CredentialRejectedError";

  constructor(message: string, options?: KeyturnErrorOptions) {
    super("CREDENTIAL_REJECTED", message, options);
  }
}

/** Connections of a retired credential were still in use at the drain deadline and were closed. */
export class DrainTimeoutError extends KeyturnError {
  override readonly name = "DrainTimeoutError";

  constructor(message: string, options?: KeyturnErrorOptions) {
    super("DRAIN_TIMEOUT", message, options);
  }
}
