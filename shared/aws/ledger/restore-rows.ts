import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { RotationKey } from "../ledger.ts";
import { createLedgerTable, type Row, type RowKey } from "./ledger-table.ts";

/** A move of AWSCURRENT from a version that the store refuses back to the one before. */
export interface RestoreRecord {
  /** Version that was to have AWSCURRENT again. */
  readonly restoreTo: string;
  /** Of the rotation to the refused version. */
  readonly currentSince: string;
  /** What handled it, such as a message's id. */
  readonly claimedBy: string;
  readonly claimedAt: string;
  /** Absent while it is under way, and after a crash. */
  readonly restoredAt?: string;
}

/** Moves of AWSCURRENT back, one for each version that was refused. */
export interface Restores {
  read(secretArn: string, versionId: string): Promise<RestoreRecord | undefined>;
  /**
   * Gives one claimant the right to move AWSCURRENT back from the version of the rotation; another only where the first
   * has not finished within the lease.
   *
   * @returns false where somebody else is about to, or it was done before
   */
  claim(
    rotation: RotationKey,
    restoreTo: string,
    claimant: string,
    now: Date,
    leaseMs: number,
  ): Promise<boolean>;
  /** The move was made, and told of. */
  finish(secretArn: string, versionId: string, restoredAt: Date): Promise<void>;
  /** The move was not made, and is not going to be. */
  release(secretArn: string, versionId: string, claimant: string): Promise<void>;
}

/** As long as a message may wait in a dead-letter queue. */
const KEEP_RESTORE_DAYS = 14;

const restoreKey = (secretArn: string, versionId: string): RowKey => ({
  pk: `RESTORED#${secretArn}`,
  sk: versionId,
});

/**
 * @param now when rows expire; the time of day unless given
 * @example const restores = createRestores(createDynamoDbClient(), "keyturn-prod-ledger");
 */
export function createRestores(
  client: DynamoDBClient,
  tableName: string,
  now: () => Date = () => new Date(),
): Restores {
  const table = createLedgerTable(client, tableName, now);
  return {
    async read(secretArn, versionId) {
      const row = await table.get(restoreKey(secretArn, versionId));
      return row && toRestore(row);
    },

    async claim({ secretArn, versionId, currentSince }, restoreTo, claimedBy, at, leaseMs) {
      const row = await table.update(restoreKey(secretArn, versionId), {
        set: { restoreTo, currentSince, claimedBy, claimedAt: at.toISOString() },
        keepDays: KEEP_RESTORE_DAYS,
        condition:
          "attribute_not_exists(#restoredAt) AND (attribute_not_exists(#claimedBy) OR #claimedBy = :claimedBy OR #claimedAt < :lapsed)",
        values: { lapsed: new Date(at.getTime() - leaseMs).toISOString() },
      });
      return row !== undefined;
    },

    async finish(secretArn, versionId, restoredAt) {
      await table.update(restoreKey(secretArn, versionId), {
        keep: { restoredAt: restoredAt.toISOString() },
        keepDays: KEEP_RESTORE_DAYS,
      });
    },

    async release(secretArn, versionId, claimant) {
      await table.update(restoreKey(secretArn, versionId), {
        remove: ["restoreTo", "currentSince", "claimedBy", "claimedAt"],
        keepDays: KEEP_RESTORE_DAYS,
        condition: "#claimedBy = :claimant AND attribute_not_exists(#restoredAt)",
        values: { claimant },
      });
    },
  };
}

/** Undefined for a row whose claim was given back. */
function toRestore({
  restoreTo,
  currentSince = "",
  claimedBy,
  claimedAt = "",
  restoredAt,
}: Row): RestoreRecord | undefined {
  if (!restoreTo || !claimedBy) return undefined;
  return { restoreTo, currentSince, claimedBy, claimedAt, ...(restoredAt && { restoredAt }) };
}
