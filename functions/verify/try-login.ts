import { DependencyError } from "../../shared/contract/errors.ts";
import type { LoginOutcome } from "../../shared/engines/login-probe.ts";

/** The store could not be asked. That says nothing of the credential, but services may have the same trouble. */
export interface Unreachable {
  readonly verdict: "unreachable";
  readonly error: DependencyError;
}

export interface TryLoginPorts {
  readonly now: () => Date;
  readonly pause: (ms: number) => Promise<void>;
  /** How long a password may take to reach every part of a store, in milliseconds. */
  readonly propagationAllowanceMs: number;
}

/** Few tries, since stores lock accounts: in 30 seconds at 0, 1, 4, 13 and 30. */
const FIRST_PAUSE_MS = 1_000;
const PAUSE_FACTOR = 3;

/**
 * Logs in, and where that fails again and again until the allowance is over: a new password takes time to reach
 * replicas and proxies, and a failover some seconds. The last outcome is the one that counts. Without an allowance there is
 * one try.
 *
 * @param stillCurrent looked at before each further try; undefined, or why there is no need for one. A DependencyError of
 * it counts as one of the login
 */
export async function tryLogin<Over>(
  login: () => Promise<LoginOutcome>,
  stillCurrent: () => Promise<Over | undefined>,
  { now, pause, propagationAllowanceMs }: TryLoginPorts,
): Promise<LoginOutcome | Unreachable | { readonly over: Over }> {
  const tryUntil = now().getTime() + propagationAllowanceMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= PAUSE_FACTOR) {
    const outcome = await login().catch(asUnreachable);
    const isFinal = outcome.verdict === "accepted" || outcome.verdict === "unverifiable";
    const leftMs = tryUntil - now().getTime();
    if (isFinal || leftMs <= 0) return outcome;
    await pause(Math.min(pauseMs, leftMs));
    const looked = await stillCurrent().then((over) => ({ over }), asUnreachable);
    if ("verdict" in looked) return looked;
    if (looked.over !== undefined) return { over: looked.over };
  }
}

function asUnreachable(error: unknown): Unreachable {
  if (error instanceof DependencyError) return { verdict: "unreachable", error };
  throw error;
}
