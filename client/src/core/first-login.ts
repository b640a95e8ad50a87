import { CredentialRejectedError, DependencyError, KeyturnError } from "../../../shared/contract/errors.ts";
import type { Failure } from "./attempt.ts";
import { createBackoff, pause } from "./backoff.ts";
import { withDeadline } from "./deadline.ts";
import type { RotationSettings } from "./rotation-options.ts";
import type { SecretSource } from "./secret-source.ts";
import type { SecretWatcher } from "./secret-watcher.ts";
import { READ_TIMEOUT_MS } from "./version-reader.ts";

const FIRST_READ = { firstMs: 50, capMs: 1_500 };
const FIRST_LOGIN = { firstMs: 50, capMs: 1_500 };

/**
 * A topic is named after the ARN. Where only the name is known, a read tells it; the version that comes with it does
 * not count, since it may be superseded by the time the subscription stands.
 */
export async function findArn(
  { secretId, authWaitMs }: RotationSettings,
  source: SecretSource,
): Promise<string> {
  // Secrets Manager takes an ARN without the last part, six characters of its own; topics are named with it.
  if (/^arn:.*-[A-Za-z0-9]{6}$/.test(secretId)) return secretId;
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

/** Looks until a version has logged in; gives the last failure where none does in time, or none ever will. */
export async function firstLogin(
  watcher: Pick<SecretWatcher, "look" | "failure">,
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

export function startFailed(
  { error, refusal }: Failure,
  { secretId, authWaitMs }: RotationSettings,
): KeyturnError {
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
