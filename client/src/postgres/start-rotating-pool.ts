import { CredentialRejectedError, DependencyError, KeyturnError } from "../../../shared/contract/errors.ts";
import type { Attempt, Failure } from "../core/attempt.ts";
import { createBackoff, pause } from "../core/backoff.ts";
import type { Channel } from "../core/channel.ts";
import { withDeadline } from "../core/deadline.ts";
import type { Instance } from "../core/instance.ts";
import type { Logger } from "../core/logger.ts";
import { LoginBudget } from "../core/login-gate.ts";
import { Reporter } from "../core/reporter.ts";
import { RotatingResource } from "../core/rotating-resource.ts";
import type { SecretSource } from "../core/secret-source.ts";
import { SecretWatcher } from "../core/secret-watcher.ts";
import { READ_TIMEOUT_MS } from "../core/version-reader.ts";
import type { Settings } from "./options.ts";
import { createPostgresDriver } from "./postgres-driver.ts";
import { RotatingPool } from "./rotating-pool.ts";

/** What the pool needs of the world. */
export interface RotatingPoolPorts {
  readonly source: SecretSource;
  /** Absent where no channel is configured. */
  readonly createChannel: ((secretArn: string) => Channel) | undefined;
  readonly instance: Instance;
  readonly logger: Logger;
  /** Called when nothing of the pool is left, after `end()` or a start that failed. */
  readonly onEnded?: () => void;
}

/** A start does not wait longer for the channel than this: reading the secret works without it. */
const CHANNEL_WAIT_MS = 2_000;
const FIRST_READ = { firstMs: 50, capMs: 1_500 };
const FIRST_LOGIN = { firstMs: 50, capMs: 1_500 };

/**
 * Puts the pieces together: subscribes, then reads, logs in, and from then on follows the secret.
 *
 * @throws CredentialRejectedError, DependencyError or another KeyturnError where no version logs in within `authWaitMs`
 */
export async function startRotatingPool(settings: Settings, ports: RotatingPoolPorts): Promise<RotatingPool> {
  const { source, createChannel, instance, logger } = ports;
  const { secretId, drainTimeoutMs, authWaitMs, refreshIntervalMs } = settings;
  const channel = createChannel?.(await findArn(settings, source));
  const budget = new LoginBudget(settings.maxLoginTries);
  const reporter = new Reporter(instance, channel);
  let refusedAtStart: Attempt | undefined;

  const driver = createPostgresDriver({ config: settings.pool, budget, onReopened: () => pool.resume() });
  const resource = new RotatingResource({
    driver,
    drainTimeoutMs,
    logger,
    onSwapped: (current) => pool.follow(current),
  });
  const watcher = new SecretWatcher({
    secretId,
    source,
    resource,
    refreshIntervalMs,
    budget,
    logger,
    onAttempted(attempt) {
      const { secretArn, versionId } = attempt.version;
      const fields = { secretArn, versionId, trigger: attempt.trigger, ...attempt.timings };
      if (!attempt.refusal) {
        logger.info(fields, "Credential is in use");
      } else if (resource.current) {
        logger.warn({ ...fields, ...reasonOf(attempt) }, "Credential was rejected; the old one stays in use");
      } else {
        // In the middle of a rotation a refusal is to be expected; it is reported if the start gives up on it.
        logger.info({ ...fields, ...reasonOf(attempt) }, "Credential was refused; waiting for another one");
        refusedAtStart = attempt;
        return;
      }
      reporter.report(attempt);
    },
  });
  const pool = new RotatingPool({
    config: settings.pool,
    resource,
    authWaitMs,
    secretId,
    logger,
    reread: () => void watcher.look("login-failure"),
    onEnd: () => end(),
  });

  async function end(): Promise<void> {
    const finished = resource.end((current) => current.finish());
    await watcher.stop();
    await channel?.close();
    await finished;
    ports.onEnded?.();
  }

  let isReading = false;
  await subscribe(channel, {
    noticed: (notice) => {
      // Before the first read a notice has nothing to tell: that read comes after it.
      if (isReading) watcher.notice(notice);
    },
    subscribed: () => {
      if (!isReading) return;
      void watcher.look("reconnect");
      reporter.repeat();
    },
  });
  isReading = true;
  const failure = await firstLogin(watcher, resource, authWaitMs);
  if (failure) {
    if (refusedAtStart && failure.refusal) reporter.report(refusedAtStart);
    await end();
    throw startFailed(failure, settings);
  }
  watcher.start();
  logger.info({ secretId, refreshIntervalMs, hasChannel: channel !== undefined }, "Watch started");
  return pool;
}

/**
 * A topic is named after the ARN. Where only the name is known, a read tells it; the version that comes with it does
 * not count, since it may be superseded by the time the subscription stands.
 */
async function findArn({ secretId, authWaitMs }: Settings, source: SecretSource): Promise<string> {
  if (secretId.startsWith("arn:")) return secretId;
  const timeUp = AbortSignal.timeout(authWaitMs);
  const backoff = createBackoff(FIRST_READ);
  let last: unknown;
  while (!timeUp.aborted) {
    try {
      const version = await withDeadline(
        { ms: READ_TIMEOUT_MS, stopped: timeUp, who: "The source of the secret" },
        (signal) => source.readCurrent(secretId, signal),
      );
      return version.secretArn;
    } catch (error) {
      if (!(error instanceof DependencyError)) throw error;
      last = error;
    }
    await pause(backoff.next(), timeUp);
  }
  throw new DependencyError(`Secret ${secretId} could not be read within ${authWaitMs} ms`, { cause: last });
}

/** Opens the channel; resolves when it is subscribed, or when that takes too long to wait for. */
async function subscribe(
  channel: Channel | undefined,
  listener: Parameters<Channel["open"]>[0],
): Promise<void> {
  if (!channel) return;
  const subscribed = new AbortController();
  channel.open({
    noticed: listener.noticed,
    subscribed() {
      subscribed.abort();
      listener.subscribed();
    },
  });
  await pause(CHANNEL_WAIT_MS, subscribed.signal);
}

/** Looks until a version has logged in; gives the last failure where none does in time, or none ever will. */
async function firstLogin(
  watcher: SecretWatcher,
  resource: { readonly current: unknown },
  waitMs: number,
): Promise<Failure | undefined> {
  const timeUp = AbortSignal.timeout(waitMs);
  const backoff = createBackoff(FIRST_LOGIN);
  let last: Failure | undefined;
  for (;;) {
    const looked = new AbortController();
    void watcher.look("start").finally(() => looked.abort());
    // Not longer than we have: a store that does not answer must not hold the start for ever.
    await pause(waitMs, AbortSignal.any([looked.signal, timeUp]));
    if (resource.current !== undefined) return undefined;
    last = watcher.failure ?? last;
    if (timeUp.aborted || isPermanent(last)) {
      return last ?? { error: new DependencyError(`Nothing answered within ${waitMs} ms`) };
    }
    await pause(backoff.next(), timeUp);
  }
}

function isPermanent(failure: Failure | undefined): boolean {
  return failure?.error instanceof KeyturnError && !(failure.error instanceof DependencyError);
}

function startFailed({ error, refusal }: Failure, { secretId, authWaitMs }: Settings): KeyturnError {
  if (error instanceof KeyturnError) return error;
  if (refusal) {
    return new CredentialRejectedError(
      `No version of secret ${secretId} logged in within ${authWaitMs} ms (${refusal.code}: ${refusal.message})`,
      { cause: error, details: { secretId, code: refusal.code } },
    );
  }
  return new DependencyError(`The store of secret ${secretId} took no login within ${authWaitMs} ms`, {
    cause: error,
  });
}

function reasonOf({ refusal }: Attempt): { code?: string; reason?: string } {
  return refusal ? { code: refusal.code, reason: refusal.message } : {};
}
