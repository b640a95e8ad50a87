import type { LedgerTable } from "./ledger/ledger-table.ts";

/**
 * Whose turn it is to force a deployment of a service. One service may use several secrets, whose rotations know nothing of
 * each other; this is where they meet.
 */
export interface RedeployTurns {
  /**
   * A turn belongs to nobody, so that a message that is delivered twice does not have two.
   *
   * @returns false where the last turn was taken less than `intervalMs` ago
   */
  take(serviceArn: string, at: Date, intervalMs: number): Promise<boolean>;
  /** Gives a turn back in which nothing was deployed. @param at when it was taken */
  giveBack(serviceArn: string, at: Date): Promise<void>;
}

/** Longer than any interval. */
const KEEP_DAYS = 7;

/** Turns in the ledger's table, one row for each service that was ever deployed by force. */
export function createRedeployTurns(table: Pick<LedgerTable, "update">): RedeployTurns {
  const rowOf = (serviceArn: string) => ({ pk: `SERVICE#${serviceArn}`, sk: "TURN" });
  return {
    async take(serviceArn, at, intervalMs) {
      const row = await table.update(rowOf(serviceArn), {
        set: { takenAt: at.toISOString() },
        keepDays: KEEP_DAYS,
        condition: "attribute_not_exists(#takenAt) OR #takenAt <= :lapsed",
        values: { lapsed: new Date(at.getTime() - intervalMs).toISOString() },
      });
      return row !== undefined;
    },

    async giveBack(serviceArn, at) {
      await table.update(rowOf(serviceArn), {
        remove: ["takenAt"],
        keepDays: KEEP_DAYS,
        condition: "#takenAt = :takenAt",
        values: { takenAt: at.toISOString() },
      });
    },
  };
}
