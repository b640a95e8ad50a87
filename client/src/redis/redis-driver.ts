import { Redis, type RedisOptions, ReplyError } from "ioredis";
import { UnusableSecretError } from "../../../shared/engines/database-secret.ts";
import {
  isRedisAuthFailure,
  isRedisPermissionFailure,
  parseRedisSecret,
  redisErrorCode,
} from "../../../shared/engines/redis.ts";
import { CheckFailedError } from "../core/check-failed-error.ts";
import { withDeadline } from "../core/deadline.ts";
import { type LoginBudget, LoginGate, LoginPaused } from "../core/login-gate.ts";
import type { Refusal } from "../core/refusal.ts";
import type { ResourceDriver } from "../core/rotating-resource.ts";
import type { SocketOptions } from "./log-in.ts";
import { LoginConnector } from "./login-connector.ts";
import type { Verify } from "./options.ts";
import { VersionLogin } from "./version-login.ts";

const VERIFY_TIMEOUT_MS = 10_000;

export interface RedisDriverOptions {
  readonly config: RedisOptions;
  readonly verify: Verify | undefined;
  readonly budget: LoginBudget;
  /** A credential that was under suspicion has logged in. */
  readonly onReopened: () => void;
  /** Sessions have a login that is not in use any more: those that can be given the other one shall be. */
  readonly onRetired: () => void;
  /** They must not have it any longer. */
  readonly onClosed: (login: VersionLogin) => void;
}

/** Redis: there is one credential, and many sessions that have it. */
export function createRedisDriver(options: RedisDriverOptions): ResourceDriver<VersionLogin> {
  const { config, verify, budget, onReopened, onRetired, onClosed } = options;
  const host = config.host ?? (config.path ? "localhost" : undefined);
  return {
    connect(secret) {
      const credential = parseRedisSecret(secret, { host, port: config.port });
      const gate = new LoginGate({ budget, isAuthFailure: isRedisAuthFailure, onReopened });
      return new VersionLogin({ credential, gate });
    },
    verify: (login) =>
      withDeadline({ ms: VERIFY_TIMEOUT_MS, stopped: login.closed.signal, who: "The store" }, (signal) =>
        tryLogin(login, { config, verify, signal }),
      ),
    async retire(login) {
      login.gate.retire();
      onRetired();
      await login.unused();
    },
    inUse: (login) => login.inUse,
    close(login) {
      login.gate.retire();
      login.closed.abort();
      onClosed(login);
    },
    refusal,
  };
}

/** The types of ioredis tell clients apart by how they map replies; here it does not matter. */
const AnyRedis = Redis as unknown as new (options: RedisOptions) => Redis;

interface LoginTrial extends Pick<RedisDriverOptions, "config" | "verify"> {
  readonly signal: AbortSignal;
}

/** A session of its own, set up as the application's are: that its database may be selected is part of it. */
async function tryLogin(login: VersionLogin, { config, verify, signal }: LoginTrial): Promise<void> {
  const open = async (options: SocketOptions, stopped: AbortSignal) => {
    const socket = await login.open(options, stopped).catch((error) => {
      throw error instanceof LoginPaused && error.cause !== undefined ? error.cause : error;
    });
    return { socket, login };
  };
  const client = new AnyRedis({
    ...config,
    lazyConnect: true,
    monitor: false,
    enableOfflineQueue: true,
    retryStrategy: () => null,
    reconnectOnError: null,
    Connector: class extends LoginConnector {
      constructor(given: unknown) {
        super(given as RedisOptions, { open });
      }
    },
  });
  const heard: Error[] = [];
  client.on("error", (error) => heard.push(error));
  const stop = () => client.disconnect();
  signal.addEventListener("abort", stop);
  try {
    await client.connect();
    await client.ping();
    if (heard[0]) throw heard[0];
    if (verify) await checkByUser(client, verify);
  } catch (error) {
    if (error instanceof CheckFailedError) throw error;
    // ioredis rejects with "Connection is closed" and tells the reason by its event.
    throw heard[0] ?? error;
  } finally {
    signal.removeEventListener("abort", stop);
    client.disconnect();
  }
}

/** @throws CheckFailedError where the check fails and the connection does not */
async function checkByUser(client: Redis, verify: Verify): Promise<void> {
  // A check may wait for something else than the connection: it is over with the connection all the same.
  const lost = Promise.withResolvers<never>();
  client.once("end", () =>
    lost.reject(new Error("The connection was lost while the credential was checked")),
  );
  lost.promise.catch(() => undefined);
  try {
    await Promise.race([lost.promise, verify(client)]);
  } catch (error) {
    const stillAnswers = await client.ping().then(
      () => true,
      (reason) => reason instanceof ReplyError,
    );
    throw stillAnswers ? new CheckFailedError(error, redisErrorCode(error)) : error;
  }
}

/** Our own words: the server's name users, commands and keys. */
function refusal(error: unknown): Refusal | undefined {
  if (error instanceof UnusableSecretError || error instanceof CheckFailedError) {
    return { code: error.code, message: error.message };
  }
  const code = redisErrorCode(error);
  if (code === undefined) return undefined;
  if (isRedisAuthFailure(error)) return { code, message: "The store refused user or password" };
  if (!isRedisPermissionFailure(error)) return undefined;
  return { code, message: "The user may not do what the service needs; PING is part of it" };
}
