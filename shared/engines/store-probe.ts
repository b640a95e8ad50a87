import type { Redacted } from "./redacted.ts";

/**
 * TLS of a connection: none; encrypted without looking at the certificate; or encrypted to a server whose
 * certificate and name are checked against the authorities that Node trusts.
 */
export type StoreTls = "disable" | "require" | "verify-full";

/** How a secret is tried at an HTTP API; see `http-probe.ts` for the defaults. */
export interface HttpCheck {
  readonly url?: string | undefined;
  readonly method?: string | undefined;
  /** Name and value, with `@` in front of what stands for the secret: `X-Api-Key: @apiKey`. */
  readonly header?: string | undefined;
  /** Statuses of a credential that works, separated by spaces. */
  readonly expectedStatus?: string | undefined;
  /** Statuses of one that does not, separated by spaces. */
  readonly rejectedStatus?: string | undefined;
}

/** What is known of a store beside the secret: by tags, or from RDS. What the secret itself says wins. */
export interface StorePlace {
  readonly engine?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database?: string | undefined;
  readonly http?: HttpCheck | undefined;
  /** Why the host, or URL, that is told of beside the secret is not taken: the verdict on a secret that names none itself. */
  readonly hostRefused?: string | undefined;
}

export interface ProbeOptions {
  /** For connecting and for the answer, each, in milliseconds. */
  readonly timeoutMs: number;
  readonly tls: StoreTls;
}

/** How a store refused a credential, in our own words: a driver's message can quote host and user. */
export interface Refusal {
  /** The store's own code. */
  readonly code: string;
  readonly reason: string;
}

/** One kind of store. Each is in a file of its own, which is loaded when a secret asks for it. */
export interface StoreProbe {
  /**
   * Logs in once with a connection of its own, and out.
   *
   * @throws UnusableSecretError where the secret cannot be tried; else the driver's error
   */
  logIn(secret: Redacted, place: StorePlace, options: ProbeOptions): Promise<void>;
  /** Undefined where the error says nothing of the credential. */
  refusalOf(error: unknown): Refusal | undefined;
  /** Driver's, server's or Node's code, safe to log; undefined where the error has none. */
  codeOf(error: unknown): string | undefined;
  /** What kept the credential from being looked at, in our own words, where the store says that. */
  obstacleOf?(error: unknown): string | undefined;
}

/** Node's code of an error, such as `ECONNREFUSED`; undefined where it has none. */
export function nodeErrorCode(error: unknown): string | undefined {
  if (error instanceof AggregateError && error.errors.length > 0) return nodeErrorCode(error.errors[0]);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
