import { randomUUID } from "node:crypto";
import type { EventBus } from "../../../shared/aws/event-bus.ts";
import type { LedgerTable } from "../../../shared/aws/ledger/ledger-table.ts";
import { measurementKey } from "../../../shared/aws/ledger/row-keys.ts";

/** Sends an event that changes nothing through the pipeline, and sees it arrive. */
export interface ProbeEvent {
  /** @returns the id of what was sent */
  send(): Promise<string>;
  hasArrived(id: string): Promise<boolean>;
}

/** A secret that nobody has: no handler but measure hears of it. */
const NOBODYS_SECRET = "keyturn:doctor";

/**
 * The event is a deadline check that found nobody behind: measure adds nothing to a sum for it, and leaves its
 * claim in the ledger for two weeks. On its way it passes the bus, a rule, a queue's policy, a function and its role.
 */
export function createProbeEvent(bus: EventBus, table: Pick<LedgerTable, "list">): ProbeEvent {
  return {
    async send() {
      const versionId = randomUUID();
      const at = new Date().toISOString();
      await bus.publish({
        type: "AdoptionChecked",
        detail: {
          v: 1,
          secretArn: NOBODYS_SECRET,
          versionId,
          occurredAt: at,
          currentSince: at,
          adopted: 0,
          stale: 0,
        },
      });
      return versionId;
    },

    async hasArrived(id) {
      const { pk } = measurementKey(NOBODYS_SECRET, "");
      return (await table.list(pk, { prefix: id })).length > 0;
    },
  };
}
