import { DependencyError } from "../contract/errors.ts";
import {
  isPostgresAuthFailure,
  type PostgresTls,
  parsePostgresSecret,
  postgresErrorCode,
  probePostgresLogin,
  UnusableSecretError,
} from "./postgres.ts";
import type { Redacted } from "./redacted.ts";

/** What a login with a new credential showed. */
export type LoginOutcome =
  | { readonly verdict: "accepted"; readonly loginMs: number }
  | { readonly verdict: "rejected"; readonly code: string; readonly reason: string }
  | { readonly verdict: "unverifiable"; readonly reason: string };

/** Tries a credential on the store that it opens. */
export interface LoginProbe {
  /** @throws DependencyError where the store cannot be reached: that says nothing of the credential */
  login(secret: Redacted): Promise<LoginOutcome>;
}

export interface LoginProbeOptions {
  readonly timeoutMs: number;
  readonly tls: PostgresTls;
}

export function createLoginProbe({ timeoutMs, tls }: LoginProbeOptions): LoginProbe {
  return {
    async login(secret) {
      const startedAt = performance.now();
      try {
        await probePostgresLogin(parsePostgresSecret(secret), { timeoutMs, tls });
        return { verdict: "accepted", loginMs: Math.round(performance.now() - startedAt) };
      } catch (error) {
        if (error instanceof UnusableSecretError) return { verdict: "unverifiable", reason: error.message };
        // The driver gives no code where nothing answered in time, or TLS was refused.
        const code = postgresErrorCode(error) ?? "NO_ANSWER";
        if (isPostgresAuthFailure(error)) {
          return { verdict: "rejected", code, reason: "The database refused the login" };
        }
        // The driver's message can quote host and user, so only its code goes on.
        throw new DependencyError(
          `The database could not be asked (${code}): can the function reach its host and port, and does TLS ${tls} fit it?`,
          { details: { code } },
        );
      }
    },
  };
}
