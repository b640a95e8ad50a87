import { type MetricUnit, MetricUnit as Unit } from "@aws-lambda-powertools/metrics";

/** CloudWatch namespace of every metric; the dimensions are `service` (always `keyturn`) and `stage`. */
export const METRIC_NAMESPACE = "Keyturn";
export const SERVICE_NAME = "keyturn";

/** Every metric that Keyturn emits, with its unit. Alarms in `serverless.yml` name them. */
export const METRIC_UNITS = {
  /** A notice went out to the services of a secret. */
  RotationNoticed: Unit.Count,
  /** From the version becoming current to its notice. */
  NoticeLatency: Unit.Milliseconds,
  /** A login with the new credential succeeded. */
  CredentialVerified: Unit.Count,
  /** How long that login took. */
  VerifyDuration: Unit.Milliseconds,
  /** The store refused the new credential. */
  CredentialRejected: Unit.Count,
  /** The secret does not say which store it opens. */
  CredentialUnverifiable: Unit.Count,
  /** An instance runs on a new version. */
  InstanceSwapped: Unit.Count,
  /** From the version becoming current to an instance running on it. */
  AdoptionLatency: Unit.Milliseconds,
  /** An instance could not log in with the new version, and keeps the old. */
  InstanceRejected: Unit.Count,
  /** Tasks that were behind at the adoption deadline. */
  StaleInstances: Unit.Count,
  /** A deployment was forced. */
  ServiceRedeployed: Unit.Count,
  /** A deployment was needed and not forced. */
  RedeployWithheld: Unit.Count,
} as const satisfies Record<string, (typeof MetricUnit)[keyof typeof MetricUnit]>;
export type MetricName = keyof typeof METRIC_UNITS;

/** Fields of log lines, the same in Lambda, client and sidecar. */
export interface LogFields {
  /** ARN of the secret that the line is about. */
  readonly secretArn?: string;
  readonly versionId?: string;
  /** SQS message that is being handled. */
  readonly messageId?: string;
  /** How often SQS has delivered it, this time included. */
  readonly receiveCount?: number;
  /** What the handler did with the message. */
  readonly outcome?: string;
  readonly durationMs?: number;
}
