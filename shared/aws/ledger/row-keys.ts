import type { Report } from "../../contract/report.ts";
import type { RotationKey } from "../ledger.ts";
import type { RowKey } from "./ledger-table.ts";

/** Days that rows are kept after their last change. What makes up the audit trail is kept for 400. */
export const KEEP_DAYS = 400;
/** An instance that lives is heard of at least once a day; each deployment leaves the rows of the tasks that it replaced. */
export const KEEP_INSTANCE_DAYS = 30;
/** As long as a message may wait in a dead-letter queue. */
export const KEEP_MEASUREMENT_DAYS = 14;

/** Partition of the newest rotation of each secret. */
export const SECRETS = "SECRETS";

/** Partition of all that one query about a secret should find. */
export const secretPartition = (secretArn: string) => `SECRET#${secretArn}`;
/** Partition of what instances did with a secret, by time: it grows with every swap, and is read for the history alone. */
export const auditPartition = (secretArn: string) => `AUDIT#${secretArn}`;
export const deploymentPartition = (deploymentId: string) => `DEPLOYMENT#${deploymentId}`;

export const newestKey = (secretArn: string): RowKey => ({ pk: SECRETS, sk: secretArn });

/** Never used anew: a move back to a version has a time of its own. */
export const rotationKey = ({ secretArn, versionId, currentSince }: RotationKey): RowKey => ({
  pk: secretPartition(secretArn),
  sk: `ROTATION#${currentSince}#${versionId}`,
});

export const decisionKey = (rotation: RotationKey, serviceArn: string): RowKey => ({
  pk: secretPartition(rotation.secretArn),
  sk: `DECISION#${rotation.currentSince}#${rotation.versionId}#${serviceArn}`,
});

export const instanceKey = (secretArn: string, instanceId: string): RowKey => ({
  pk: secretPartition(secretArn),
  sk: `INSTANCE#${instanceId}`,
});

/** The same for a report that comes twice. */
export const auditKey = ({ secretArn, occurredAt, instanceId, outcome }: Report): RowKey => ({
  pk: auditPartition(secretArn),
  sk: `${inUtc(occurredAt)}#${instanceId}#${outcome}`,
});

export const deploymentKey = (deploymentId: string, decision: RowKey): RowKey => ({
  pk: deploymentPartition(deploymentId),
  sk: `${decision.pk}#${decision.sk}`,
});

export const measurementKey = (secretArn: string, measurement: string): RowKey => ({
  pk: `MEASURED#${secretArn}`,
  sk: measurement,
});

/** In one and the same form, ISO 8601 in UTC sorts as text. */
export const inUtc = (instant: string): string => new Date(instant).toISOString();
