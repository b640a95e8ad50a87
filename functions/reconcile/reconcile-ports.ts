import * as z from "zod/mini";
import {
  createDynamoDbClient,
  createEventBridgeClient,
  createSecretsManagerClient,
  createSsmClient,
} from "../../shared/aws/clients.ts";
import { createLedger } from "../../shared/aws/dynamodb-ledger.ts";
import { createContinuations, createEventBus, createSigns } from "../../shared/aws/event-bus.ts";
import { createParameters } from "../../shared/aws/parameters.ts";
import { createSecretList } from "../../shared/aws/secret-list.ts";
import { createSecrets } from "../../shared/aws/secrets.ts";
import { positiveWhole, requiredText, wholeNumber } from "../../shared/lambda/config.ts";
import { watchOf, watchVariables } from "../../shared/lambda/watch-config.ts";
import { createPace } from "./pace.ts";
import { SIGNS_COME_WITHIN_MS } from "./plan-reconcile.ts";
import type { ReconcilePorts } from "./reconcile.ts";
import type { ResolveSignPorts } from "./resolve-sign.ts";

export const ReconcileConfig = z.object({
  LEDGER_TABLE: requiredText,
  EVENT_SOURCE: requiredText,
  STAGE: requiredText,
  SILENT_AFTER_HOURS: positiveWhole,
  TIMEOUT_SECONDS: positiveWhole,
  ADOPTION_DEADLINE_SECONDS: wholeNumber,
  VERIFY_VISIBILITY_SECONDS: positiveWhole,
  REDEPLOY_VISIBILITY_SECONDS: positiveWhole,
  MAX_RECEIVE_COUNT: positiveWhole,
  ...watchVariables,
});

/**
 * Of the 50 control-plane calls a second that Secrets Manager grants an account, all callers together; two environments may
 * run side by side.
 */
const SECRETS_PER_SECOND = 20;
/** What DescribeParameters is granted is not published; at this pace nobody else goes short. */
const PARAMETERS_PER_SECOND = 5;
const HOUR_MS = 3_600_000;
/** What was begun must be able to end: one secret takes some calls, each with its own attempts. */
const SHARE_OF_TIMEOUT = 0.6;

/** By then every sign has come, and the slowest queue has given up. */
function settledAfterMs(config: z.infer<typeof ReconcileConfig>): number {
  const deliverySeconds = Math.max(config.VERIFY_VISIBILITY_SECONDS, config.REDEPLOY_VISIBILITY_SECONDS);
  const retriesSeconds = config.MAX_RECEIVE_COUNT * deliverySeconds;
  return SIGNS_COME_WITHIN_MS + (config.ADOPTION_DEADLINE_SECONDS + retriesSeconds) * 1_000;
}

/** @param emit takes the measurements that belong to no secret, and so to no domain event */
export function createReconcilePorts(
  config: z.infer<typeof ReconcileConfig>,
  emit: ReconcilePorts["emit"] & ResolveSignPorts["emit"],
): ReconcilePorts & ResolveSignPorts {
  const secretsManager = createSecretsManagerClient();
  const eventBridge = createEventBridgeClient();
  return {
    secrets: createSecrets(secretsManager, watchOf(config)),
    parameters: createParameters(createSsmClient(), watchOf(config)),
    list: createSecretList(secretsManager, watchOf(config)),
    ledger: createLedger(createDynamoDbClient(), config.LEDGER_TABLE),
    bus: createEventBus(eventBridge, config.EVENT_SOURCE),
    signs: createSigns(eventBridge, config.EVENT_SOURCE),
    watchesAll: config.WATCHED_PREFIXES.length + config.WATCHED_TAGS.length === 0,
    continuations: createContinuations(eventBridge, config.EVENT_SOURCE),
    emit,
    now: () => new Date(),
    pace: {
      secret: createPace({ perSecond: SECRETS_PER_SECOND }),
      parameter: createPace({ perSecond: PARAMETERS_PER_SECOND }),
    },
    budgetMs: config.TIMEOUT_SECONDS * 1_000 * SHARE_OF_TIMEOUT,
    settledAfterMs: settledAfterMs(config),
    silentAfterMs: config.SILENT_AFTER_HOURS * HOUR_MS,
  };
}
