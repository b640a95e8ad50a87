/** A published price in us-east-1, in US dollars, without free tiers and without discounts for volume. */
export interface Price {
  readonly what: string;
  readonly usd: number;
  /** How many units that buys. */
  readonly per: number;
  /** In the singular. */
  readonly unit: string;
  /** AWS's own page: what it says today is right. */
  readonly page: string;
  /** When the figure was read, on that page or in a text that quotes it. */
  readonly asOf: string;
}

const SECRETS_MANAGER = "https://aws.amazon.com/secrets-manager/pricing/";
const IOT_CORE = "https://aws.amazon.com/iot-core/pricing/";
const SQS = "https://aws.amazon.com/sqs/pricing/";
const EVENT_BRIDGE = "https://aws.amazon.com/eventbridge/pricing/";
const LAMBDA = "https://aws.amazon.com/lambda/pricing/";
const DYNAMO_DB = "https://aws.amazon.com/dynamodb/pricing/";
const CLOUD_WATCH = "https://aws.amazon.com/cloudwatch/pricing/";
const KMS = "https://aws.amazon.com/kms/pricing/";

const MILLION = 1_000_000;

export const PRICES = {
  secretsManagerCalls: {
    what: "Secrets Manager, API calls",
    usd: 0.05,
    per: 10_000,
    unit: "call",
    page: SECRETS_MANAGER,
    asOf: "2026-09",
  },
  connectionMinutes: {
    what: "IoT Core, connectivity",
    usd: 0.08,
    per: MILLION,
    unit: "minute",
    page: IOT_CORE,
    asOf: "2026-09",
  },
  mqttMessages: {
    what: "IoT Core, messages of up to 5 kB",
    usd: 1,
    per: MILLION,
    unit: "message",
    page: IOT_CORE,
    asOf: "2026-09",
  },
  rulesTriggered: {
    what: "IoT Core, rules triggered",
    usd: 0.15,
    per: MILLION,
    unit: "rule",
    page: IOT_CORE,
    asOf: "2022-10",
  },
  ruleActions: {
    what: "IoT Core, actions applied",
    usd: 0.15,
    per: MILLION,
    unit: "action",
    page: IOT_CORE,
    asOf: "2022-10",
  },
  queueRequests: {
    what: "SQS, requests to standard queues",
    usd: 0.4,
    per: MILLION,
    unit: "request",
    page: SQS,
    asOf: "2026-06",
  },
  customEvents: {
    what: "EventBridge, custom events (those of AWS services are free)",
    usd: 1,
    per: MILLION,
    unit: "event",
    page: EVENT_BRIDGE,
    asOf: "2026-06",
  },
  invocations: {
    what: "Lambda, requests",
    usd: 0.2,
    per: MILLION,
    unit: "request",
    page: LAMBDA,
    asOf: "2026-09",
  },
  gigabyteSeconds: {
    what: "Lambda, arm64",
    usd: 0.0000133334,
    per: 1,
    unit: "GB-second",
    page: LAMBDA,
    asOf: "2024",
  },
  ledgerWrites: {
    what: "DynamoDB on demand, writes of up to 1 kB",
    usd: 0.625,
    per: MILLION,
    unit: "write",
    page: DYNAMO_DB,
    asOf: "2025-07",
  },
  ledgerReads: {
    what: "DynamoDB on demand, consistent reads of up to 4 kB",
    usd: 0.125,
    per: MILLION,
    unit: "read",
    page: DYNAMO_DB,
    asOf: "2025-07",
  },
  ledgerGigabytes: {
    what: "DynamoDB, storage with point-in-time recovery ($0.25 + $0.20)",
    usd: 0.45,
    per: 1,
    unit: "GB-month",
    page: DYNAMO_DB,
    asOf: "2020",
  },
  metricMonths: {
    what: "CloudWatch, custom metrics, billed by the hour in which they are sent",
    usd: 0.3,
    per: 1,
    unit: "metric-month",
    page: CLOUD_WATCH,
    asOf: "2026-06",
  },
  logGigabytes: {
    what: "CloudWatch, logs taken in",
    usd: 0.5,
    per: 1,
    unit: "GB",
    page: CLOUD_WATCH,
    asOf: "2026-06",
  },
  alarmMetrics: {
    what: "CloudWatch, alarms, for each metric that one looks at",
    usd: 0.1,
    per: 1,
    unit: "metric",
    page: CLOUD_WATCH,
    asOf: "2026-06",
  },
  dashboards: {
    what: "CloudWatch, dashboards",
    usd: 3,
    per: 1,
    unit: "dashboard",
    page: CLOUD_WATCH,
    asOf: "2026-06",
  },
  decryptions: {
    what: "KMS, requests; none where the key is `aws/secretsmanager`",
    usd: 0.03,
    per: 10_000,
    unit: "request",
    page: KMS,
    asOf: "2026-06",
  },
} as const satisfies Record<string, Price>;

export type Metered = keyof typeof PRICES;

/** How much of each is used in a month; nothing of what is absent. */
export type Usage = Readonly<Partial<Record<Metered, number>>>;

/** In US dollars. */
export function costOf(usage: Usage): number {
  return Object.entries(usage).reduce((sum, [name, amount]) => sum + costOfOne(name as Metered, amount), 0);
}

export function costOfOne(name: Metered, amount: number): number {
  const { usd, per } = PRICES[name];
  return (amount / per) * usd;
}
