import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createLedger } from "../../../shared/aws/dynamodb-ledger.ts";
import type { Ledger, RotationKey, RotationRecord } from "../../../shared/aws/ledger.ts";
import type { Report } from "../../../shared/contract/report.ts";
import type { CurrentRotation } from "../../../shared/rotation/current-rotation.ts";
import { NOW, SECRET_ARN, V1, V2 } from "../../fakes/pipeline.ts";

export const LEASE_MS = 30_000;
export const later = (ms: number) => new Date(NOW.getTime() + ms);

export const reportOf = (changes: Partial<Report> = {}): Report => ({
  v: 1,
  secretArn: SECRET_ARN,
  versionId: V1,
  instanceId: "task-1",
  service: "orders-api",
  outcome: "swapped",
  trigger: "notice",
  occurredAt: "2026-11-20T10:00:00.100Z",
  timings: {},
  ...changes,
});

/** What a record names a rotation by. */
export const keyOf = ({ secretArn, versionId, currentSince }: RotationKey) => ({
  secretArn,
  versionId,
  currentSince,
});

/** A ledger whose clock stands until it is set. */
export function openLedger(client: DynamoDBClient, tableName: string) {
  const clock = { now: NOW };
  const ledger: Ledger = createLedger(client, tableName, () => clock.now);
  /** Opens the rotation to V2, as the native event tells of it. */
  const open = (changes: Partial<CurrentRotation> = {}): Promise<RotationRecord> =>
    ledger.openRotation({
      secretArn: SECRET_ARN,
      versionId: V2,
      detectedBy: "label-updated",
      currentSince: NOW,
      ...changes,
    });
  return { ledger, clock, open };
}
