import { type MetricUnit, MetricUnit as Unit } from "@aws-lambda-powertools/metrics";

/**
 * CloudWatch namespace of every metric. The dimensions are `service` (always `keyturn`) and `stage`; what tells of one
 * secret is there a second time with `secret`, its name, beside them.
 */
export const METRIC_NAMESPACE = "Keyturn";
export const SERVICE_NAME = "keyturn";

/** Every metric that Keyturn emits, with its unit. Alarms and dashboard in `resources/` name them. */
export const METRIC_UNITS = {
  /** A notice went out to the services of a secret. */
  RotationNoticed: Unit.Count,
  /** From the version becoming current to its notice. */
  NoticeLatency: Unit.Milliseconds,
  /** Another source told of a rotation that was known already. */
  DuplicateSource: Unit.Count,
  /** No sign of a rotation had come; reconcile found it. */
  RotationMissed: Unit.Count,
  /** An instance has not reported for too long. */
  InstanceSilent: Unit.Count,
  /** Secrets that reconcile compared with the ledger in one run. */
  SecretsReconciled: Unit.Count,
  /** A sign named a database or a parameter of which no secret could be made. */
  SignDropped: Unit.Count,
  /** A rotation failed before its version became current. */
  RotationFailed: Unit.Count,
  /** A rotation was given up. */
  RotationAbandoned: Unit.Count,
  /** The test of a rotation began. */
  TestRotationStarted: Unit.Count,
  /** The test of a rotation succeeded. */
  TestRotationSucceeded: Unit.Count,
  /** The test of a rotation failed. */
  TestRotationFailed: Unit.Count,
  /** A login with the new credential succeeded. */
  CredentialVerified: Unit.Count,
  /** How long that login took. */
  VerifyDuration: Unit.Milliseconds,
  /** The store refused the new credential. */
  CredentialRejected: Unit.Count,
  /** The secret does not say which store it opens. */
  CredentialUnverifiable: Unit.Count,
  /** The store could not be asked, and the last try is over. */
  CredentialUnreachable: Unit.Count,
  /** AWSCURRENT was moved back to the version before one that the store refuses. */
  CredentialRestored: Unit.Count,
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
  /** A dry run: a deployment would have been forced. */
  RedeployPlanned: Unit.Count,
  /** A deployment was needed and not forced. */
  RedeployWithheld: Unit.Count,
  /** A service pins the version that it starts with, so that no deployment brings it another. */
  SecretPinned: Unit.Count,
  /** Services that wait until others have been deployed. */
  RedeployDeferred: Unit.Count,
  /** A deployment that was to bring a version to a service has finished. */
  RedeployCompleted: Unit.Count,
  /** From the decision to the end of that deployment. */
  RedeployDuration: Unit.Milliseconds,
  /** ECS's circuit breaker stopped such a deployment. */
  RedeployFailed: Unit.Count,
  /** Instances behind at the deadline that no deployment can reach: standalone tasks, and those outside ECS. */
  StaleUnmanaged: Unit.Count,
} as const satisfies Record<string, (typeof MetricUnit)[keyof typeof MetricUnit]>;
export type MetricName = keyof typeof METRIC_UNITS;

/** Stand beside a metric in its log line, and are no dimensions: each value of one would be a metric of its own, and billed. */
export interface MetricProperties {
  readonly versionId?: string | undefined;
  /** ARN of the task, or what else an instance calls itself. */
  readonly instanceId?: string | undefined;
  readonly serviceArn?: string | undefined;
}

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
