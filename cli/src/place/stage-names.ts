/** The handlers' queues; each has a dead-letter queue of its own. */
export const QUEUES = [
  "notify",
  "verify",
  "redeploy",
  "deployments",
  "measure",
  "reconcile",
  "reports",
] as const;
export type QueueName = (typeof QUEUES)[number];

/** The handler that a queue feeds. */
export const HANDLER_OF: Readonly<Record<QueueName, string>> = {
  notify: "notify",
  verify: "verify",
  redeploy: "redeploy",
  deployments: "redeploy",
  measure: "measure",
  reconcile: "reconcile",
  reports: "acknowledge",
};

/** The functions, by their names without the stage. */
export const FUNCTIONS = [...new Set(Object.values(HANDLER_OF))];

const ROTATION_QUEUES = ["notify", "verify", "redeploy"] as const;

/**
 * The rules of a stage, and the queues that each feeds: without any of them something is not seen, not told of, or not
 * followed to its end.
 */
export const RULE_QUEUES: Readonly<Record<string, readonly QueueName[]>> = {
  "secret-label-updated": ROTATION_QUEUES,
  "rotation-succeeded": ROTATION_QUEUES,
  "secret-api-call": ROTATION_QUEUES,
  "credential-rotated": ROTATION_QUEUES,
  "credentials-reset": ["reconcile"],
  "parameter-changed": ["reconcile"],
  reconcile: ["reconcile"],
  "reconcile-continued": ["reconcile"],
  "rotation-attempt": ["measure"],
  "domain-events": ["measure"],
  "deployment-ended": ["deployments"],
  "redeploy-deferred": ["deployments"],
  "credential-verified-later": ["deployments"],
};

/** The functions' roles and that of the IoT rule, by their names in the template. */
export const ROLES = [
  "NotifyRole",
  "VerifyRole",
  "AcknowledgeRole",
  "RedeployRole",
  "MeasureRole",
  "ReconcileRole",
  "ReportsTopicRuleRole",
] as const;

/** Physical names of a stage, as serverless.yml makes them. */
export interface StageNames {
  readonly stage: string;
  /** `keyturn-STAGE`: the stack, and the beginning of every name. */
  readonly stack: string;
  readonly ledgerTable: string;
  readonly eventSource: string;
  readonly topicPrefix: string;
  queue(name: QueueName): string;
  deadLetters(name: QueueName): string;
  function(name: string): string;
}

/** @example stageNames("prod").queue("notify") // "keyturn-prod-notify" */
export function stageNames(stage: string): StageNames {
  const stack = `keyturn-${stage}`;
  return {
    stage,
    stack,
    ledgerTable: `${stack}-ledger`,
    eventSource: `keyturn.${stage}`,
    topicPrefix: `keyturn/${stage}`,
    queue: (name) => `${stack}-${name}`,
    deadLetters: (name) => `${stack}-${name}-dead-letters`,
    function: (name) => `${stack}-${name}`,
  };
}

/**
 * Takes a queue by its own name, its dead-letter queue's, its handler's, or any of these with the stage in front.
 *
 * @returns undefined where the stage has no such queue
 */
export function findQueue(text: string, names: StageNames): QueueName | undefined {
  const bare = text.replace(new RegExp(`^${names.stack}-`), "").replace(/-dead-letters$/, "");
  return QUEUES.find((queue) => queue === bare || HANDLER_OF[queue] === bare);
}
