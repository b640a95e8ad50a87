import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { Redis } from "ioredis";
import { answeredWithin } from "./answer-deadline.ts";
import { UnusableSecretError } from "./database-secret.ts";
import { describeRedisSetupFault, isRedisAuthFailure, parseRedisSecret, redisErrorCode } from "./redis.ts";
import type { StoreProbe, StoreTls } from "./store-probe.ts";

/** Redis, Valkey, ElastiCache, MemoryDB. */
export const redisProbe: StoreProbe = {
  async logIn(secret, place, { timeoutMs, tls }) {
    const { host, port, user, password } = parseRedisSecret(secret, place);
    const redis = new Redis({
      host,
      port,
      ...tlsOf(tls, host),
      connectTimeout: timeoutMs,
      lazyConnect: true,
      // One session, for AUTH alone: a user may be allowed to run nothing else.
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
      disableClientInfo: true,
      protocol: 2,
    });
    // The reason why a connect failed comes as an event alone; the promise just says that it is closed.
    let failure: unknown;
    redis.on("error", (error) => {
      failure ??= error;
    });
    const cut = () => redis.disconnect();
    try {
      await answeredWithin(timeoutMs, () => redis.connect(), cut).catch((error) => {
        throw failure ?? error;
      });
      // Without a name it is the same user, and the server says where that one has no password, and takes any.
      const credential =
        user === undefined || user === "default" ? [password.reveal()] : [user, password.reveal()];
      await answeredWithin(timeoutMs, () => redis.call("AUTH", ...credential), cut).catch((error) => {
        const fault = describeRedisSetupFault(error);
        throw fault === undefined ? error : new UnusableSecretError(`A login proves nothing here: ${fault}`);
      });
    } finally {
      cut();
    }
  },

  refusalOf: (error) =>
    isRedisAuthFailure(error)
      ? { code: redisErrorCode(error) ?? "", reason: "The server refused the login" }
      : undefined,

  codeOf: redisErrorCode,
};

function tlsOf(tls: StoreTls, host: string): { tls?: ConnectionOptions } {
  if (tls === "disable") return {};
  // Servers behind one address tell by the name for whom a session is; ioredis does not send it by itself.
  return {
    tls: { rejectUnauthorized: tls === "verify-full", ...(isIP(host) === 0 && { servername: host }) },
  };
}
