import * as z from "zod/mini";
import { flag, positiveWhole, readConfig, requiredText, wholeNumber } from "../../shared/lambda/config.ts";
import { watchOf, watchVariables } from "../../shared/lambda/watch-config.ts";

const variables = z.object({
  LEDGER_TABLE: requiredText,
  EVENT_SOURCE: requiredText,
  LOGIN_TIMEOUT_MS: positiveWhole,
  STORE_TLS: z.enum(["disable", "require", "verify-full"], "must be disable, require or verify-full"),
  PROPAGATION_ALLOWANCE_MS: wholeNumber,
  MAX_RECEIVE_COUNT: positiveWhole,
  TIMEOUT_SECONDS: positiveWhole,
  RESTORE_PREVIOUS: flag,
  /** Separated by commas; `*` for any, empty for none. */
  TAGGED_HOSTS: z.optional(z.string()),
  ...watchVariables,
});

/** @throws ConfigError that lists every missing or wrong variable */
export function readVerifyConfig(environment: NodeJS.ProcessEnv) {
  const config = readConfig(variables, environment);
  const hosts = (config.TAGGED_HOSTS ?? "")
    .split(",")
    .map((host) => host.trim().toLowerCase())
    .filter((host) => host !== "");
  return {
    ledgerTable: config.LEDGER_TABLE,
    eventSource: config.EVENT_SOURCE,
    watch: watchOf(config),
    probe: { timeoutMs: config.LOGIN_TIMEOUT_MS, tls: config.STORE_TLS },
    propagationAllowanceMs: config.PROPAGATION_ALLOWANCE_MS,
    maxReceiveCount: config.MAX_RECEIVE_COUNT,
    mayRestore: config.RESTORE_PREVIOUS,
    // Whoever claimed and has not finished when its function's time is up, never will.
    restoreLeaseMs: config.TIMEOUT_SECONDS * 1_000,
    taggedHosts: hosts.includes("*") ? undefined : hosts,
  };
}
