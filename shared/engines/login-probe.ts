import { DependencyError } from "../contract/errors.ts";
import { UnusableSecretError } from "./database-secret.ts";
import type { Redacted } from "./redacted.ts";
import type { ProbeOptions, Refusal, StorePlace, StoreProbe } from "./store-probe.ts";

/** What a login with a new credential showed. */
export type LoginOutcome =
  | { readonly verdict: "accepted"; readonly loginMs: number }
  | ({ readonly verdict: "rejected" } & Refusal)
  | { readonly verdict: "unverifiable"; readonly reason: string };

/** Tries a credential on the store that it opens. */
export interface LoginProbe {
  /**
   * @param place what is known of the store beside the secret
   * @throws DependencyError where the store cannot be reached: that says nothing of the credential
   */
  login(secret: Redacted, place?: StorePlace): Promise<LoginOutcome>;
}

/** Drivers take long to load, and a function that has met MySQL alone needs no other. */
const postgres = async () => (await import("./postgres-probe.ts")).postgresProbe;
const mysql = async () => (await import("./mysql-probe.ts")).mysqlProbe;
const redis = async () => (await import("./redis-probe.ts")).redisProbe;
const mongodb = async () => (await import("./mongodb-probe.ts")).mongodbProbe;
const http = async () => (await import("./http-probe.ts")).httpProbe;

/** As secrets, tags and RDS name them. */
const PROBES: ReadonlyMap<string, () => Promise<StoreProbe>> = new Map([
  ["postgres", postgres],
  ["postgresql", postgres],
  ["aurora-postgresql", postgres],
  ["mysql", mysql],
  ["mariadb", mysql],
  ["aurora", mysql],
  ["aurora-mysql", mysql],
  ["redis", redis],
  ["valkey", redis],
  ["elasticache", redis],
  ["memorydb", redis],
  ["mongo", mongodb],
  ["mongodb", mongodb],
  ["docdb", mongodb],
  ["documentdb", mongodb],
  ["http", http],
  ["https", http],
]);

/**
 * Tries credentials on PostgreSQL, MySQL, MariaDB, Redis, Valkey, MongoDB and HTTP APIs. Which of them it is says the
 * secret's `engine`, else the place's; a connection string and a URL say it themselves.
 *
 * @example
 * const probe = createLoginProbe({ timeoutMs: 5_000, tls: "verify-full" });
 * const { verdict } = await probe.login(secret, { engine: "postgres", host: "db.internal" });
 */
export function createLoginProbe(options: ProbeOptions): LoginProbe {
  return {
    async login(secret, place = {}) {
      const said = readHints(secret);
      const engine = engineOf(said, place);
      const load = engine === undefined ? undefined : PROBES.get(engine);
      if (place.hostRefused !== undefined && !namesStore(said, load)) {
        return { verdict: "unverifiable", reason: place.hostRefused };
      }
      if (!load) return { verdict: "unverifiable", reason: whyNoProbe(engine) };
      if (load !== http && said.isObject && !said.host && !place.host) {
        return { verdict: "unverifiable", reason: NO_HOST };
      }
      const probe = await load();
      const startedAt = performance.now();
      try {
        await probe.logIn(secret, place, options);
        return { verdict: "accepted", loginMs: Math.round(performance.now() - startedAt) };
      } catch (error) {
        if (error instanceof UnusableSecretError) return { verdict: "unverifiable", reason: error.message };
        const refusal = probe.refusalOf(error);
        if (refusal) return { verdict: "rejected", ...refusal };
        // A driver gives no code where nothing answered in time, or TLS was refused; its message can quote host and user.
        const code = probe.codeOf(error) ?? "NO_ANSWER";
        const obstacle =
          probe.obstacleOf?.(error) ??
          `can the function reach its host and port, and does TLS ${options.tls} fit it?`;
        throw new DependencyError(
          `The ${load === http ? "API" : "database"} could not be asked (${code}): ${obstacle}`,
          { details: { code, engine } },
        );
      }
    },
  };
}

/** What a secret says of its store, before anybody knows how to read it. */
interface Hints {
  readonly isObject: boolean;
  readonly engine?: string;
  readonly host: boolean;
  readonly url: boolean;
  readonly connectionString: boolean;
}

const NOTHING: Hints = { isObject: false, host: false, url: false, connectionString: false };

function readHints(secret: Redacted): Hints {
  const text = secret.reveal().trim();
  if (/^mongodb(\+srv)?:\/\//.test(text)) return { ...NOTHING, host: true, connectionString: true };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return NOTHING;
  }
  if (typeof json !== "object" || json === null) return NOTHING;
  const fields = new Map<string, unknown>(Object.entries(json));
  const engine = fields.get("engine");
  const connectionString = Boolean(fields.get("connectionString") || fields.get("uri"));
  return {
    isObject: true,
    ...(typeof engine === "string" && engine !== "" && { engine }),
    host: connectionString || Boolean(fields.get("host")),
    url: Boolean(fields.get("url")),
    connectionString,
  };
}

function engineOf(said: Hints, place: StorePlace): string | undefined {
  const named = said.engine ?? place.engine;
  if (named !== undefined) return named;
  if (said.connectionString) return "mongodb";
  return said.url || place.http?.url ? "http" : undefined;
}

/** Whether the secret itself says where its store is. */
function namesStore(said: Hints, load: (() => Promise<StoreProbe>) | undefined): boolean {
  if (load === undefined) return said.host || said.url;
  return load === http ? said.url : said.host;
}

const NO_HOST =
  'Nobody says where the store is: set "host" in the secret, or the tag keyturn:host; of a master password that RDS manages, RDS says it';

function whyNoProbe(engine: string | undefined): string {
  const known = [...PROBES.keys()].join(", ");
  return engine === undefined
    ? `Nobody says which store the secret opens: set "engine" in it, or the tag keyturn:engine, to one of ${known}`
    : `Engine "${engine}" is none that can be tried; those are ${known}`;
}
