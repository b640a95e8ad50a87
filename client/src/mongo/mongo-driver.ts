import { UnusableSecretError } from "../../../shared/engines/database-secret.ts";
import { isMongoAuthFailure, type MongoDefaults, parseMongoSecret } from "../../../shared/engines/mongodb.ts";
import { CheckFailedError } from "../core/check-failed-error.ts";
import type { Refusal } from "../core/refusal.ts";
import type { ResourceDriver } from "../core/rotating-resource.ts";
import { VersionClient, type VersionClientOptions } from "./version-client.ts";

export interface MongoDriverOptions extends Omit<VersionClientOptions, "credential"> {
  readonly defaults: MongoDefaults;
}

export interface MongoDriver extends ResourceDriver<VersionClient> {
  /** Resolves when everything that was closed has let go of its sockets. */
  settled(): Promise<void>;
}

/** MongoDB, one `MongoClient` for each version of the secret. */
export function createMongoDriver({ defaults, ...options }: MongoDriverOptions): MongoDriver {
  const closing = new Set<Promise<void>>();
  return {
    connect: (secret) => new VersionClient({ ...options, credential: parseMongoSecret(secret, defaults) }),
    verify: (client) => client.verify(),
    retire: (client) => client.retire(),
    inUse: (client) => client.inUse,
    close(client) {
      const closed = client.close().finally(() => closing.delete(closed));
      closing.add(closed);
    },
    refusal,
    async settled() {
      await Promise.all(closing);
    },
  };
}

/** Our own words: the server's may name the user. */
function refusal(error: unknown): Refusal | undefined {
  if (error instanceof UnusableSecretError || error instanceof CheckFailedError) {
    return { code: error.code, message: error.message };
  }
  if (!isMongoAuthFailure(error)) return undefined;
  return { code: "18", message: "The store refused user or password" };
}
