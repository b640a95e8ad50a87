import * as z from "zod/mini";
import {
  commaList,
  flag,
  positiveWhole,
  readConfig,
  requiredText,
  wholeNumber,
} from "../../shared/lambda/config.ts";
import { watchOf, watchVariables } from "../../shared/lambda/watch-config.ts";

const variables = z.object({
  LEDGER_TABLE: requiredText,
  EVENT_SOURCE: requiredText,
  ECS_CLUSTERS: commaList,
  TIMEOUT_SECONDS: positiveWhole,
  ADOPTION_DEADLINE_SECONDS: wholeNumber,
  MAX_CONCURRENT_REDEPLOYS: positiveWhole,
  MIN_INTERVAL_SECONDS: wholeNumber,
  REDEPLOY_UNVERIFIED: flag,
  REDEPLOY_DRY_RUN: flag,
  SILENT_AFTER_HOURS: positiveWhole,
  ...watchVariables,
});

/** What a search may take of the time of one invocation; deciding and deploying take the rest. */
const SHARE_OF_SEARCH = 0.6;
/**
 * By when the last service is begun with. One may take ten seconds, where the five checks of a batch share the rate of
 * UpdateService; the record of the check, and the word that it goes on, must follow.
 */
const SHARE_OF_ACTING = 0.75;

/** @throws ConfigError that lists every missing or wrong variable */
export function readRedeployConfig(environment: NodeJS.ProcessEnv) {
  const config = readConfig(variables, environment);
  const timeoutMs = config.TIMEOUT_SECONDS * 1_000;
  return {
    ledgerTable: config.LEDGER_TABLE,
    eventSource: config.EVENT_SOURCE,
    watch: watchOf(config),
    search: {
      clusters: config.ECS_CLUSTERS,
      searchBudgetMs: timeoutMs * SHARE_OF_SEARCH,
    },
    actingBudgetMs: timeoutMs * SHARE_OF_ACTING,
    deadlineMs: config.ADOPTION_DEADLINE_SECONDS * 1_000,
    // Whoever claimed and has not finished when its function's time is up, never will. And what another saw of ECS, within
    // its own time, is what was so when the claimant had ended.
    claimLeaseMs: 2 * timeoutMs,
    maxConcurrentRedeploys: config.MAX_CONCURRENT_REDEPLOYS,
    minIntervalMs: config.MIN_INTERVAL_SECONDS * 1_000,
    mayRedeployUnverified: config.REDEPLOY_UNVERIFIED,
    dryRun: config.REDEPLOY_DRY_RUN,
    silentAfterMs: config.SILENT_AFTER_HOURS * 3_600_000,
  };
}
