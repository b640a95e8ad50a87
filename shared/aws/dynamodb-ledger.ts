import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createDecisionRows } from "./ledger/decision-rows.ts";
import { createInstanceRows } from "./ledger/instance-rows.ts";
import { createLedgerTable } from "./ledger/ledger-table.ts";
import { createNewestRotations } from "./ledger/newest-rotations.ts";
import { createRotationRows } from "./ledger/rotation-rows.ts";
import { auditPartition, KEEP_MEASUREMENT_DAYS, measurementKey, secretPartition } from "./ledger/row-keys.ts";
import { toHistory } from "./ledger/secret-history.ts";
import { toSecretView } from "./ledger/secret-view.ts";
import type { Ledger } from "./ledger.ts";

/**
 * The ledger in one DynamoDB table; `docs/ledger.md` shows its rows.
 *
 * @param now when rows expire, a source told, and a report arrived; the time of day unless given
 * @example const ledger = createLedger(createDynamoDbClient(), "keyturn-prod-ledger");
 */
export function createLedger(
  client: DynamoDBClient,
  tableName: string,
  now: () => Date = () => new Date(),
): Ledger {
  const table = createLedgerTable(client, tableName, now);
  const readSecret = async (secretArn: string) =>
    toSecretView(secretArn, await table.list(secretPartition(secretArn)));

  return {
    ...createRotationRows(table, now),
    ...createNewestRotations(table),
    ...createInstanceRows(table, now),
    ...createDecisionRows(table),
    readSecret,

    async readHistory(secretArn, { since } = {}) {
      const after = since && { after: since.toISOString() };
      const [view, audit] = await Promise.all([
        readSecret(secretArn),
        table.list(auditPartition(secretArn), after),
      ]);
      return toHistory(view, audit, since);
    },

    claimMeasurement: (secretArn, measurement, claimant) =>
      table.claim(measurementKey(secretArn, measurement), claimant, KEEP_MEASUREMENT_DAYS),
  };
}
