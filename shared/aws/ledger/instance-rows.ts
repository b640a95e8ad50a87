import { type Report, SwapTimings } from "../../contract/report.ts";
import type { InstanceRecord, Ledger } from "../ledger.ts";
import type { LedgerTable, Row } from "./ledger-table.ts";
import {
  auditKey,
  instanceKey,
  inUtc,
  KEEP_DAYS,
  KEEP_INSTANCE_DAYS,
  rotationKey,
  secretPartition,
} from "./row-keys.ts";

/** How exactly the last adoption is kept: each report that moved it would write to the one row that all share. */
const LAST_ADOPTION_STEP_MS = 1_000;

/** Instances, and what they did. */
export function createInstanceRows(table: LedgerTable, now: () => Date) {
  const heard = () => ({ heardAt: now().toISOString() });
  const recordHeard: Ledger["recordHeard"] = async (secretArn, instanceId) => {
    await table.update(instanceKey(secretArn, instanceId), {
      set: heard(),
      remove: ["silentSince"],
      keepDays: KEEP_INSTANCE_DAYS,
      condition: "attribute_exists(#instanceId)",
    });
  };

  return {
    async readInstance(secretArn, instanceId) {
      const row = await table.get(instanceKey(secretArn, instanceId));
      return row && toInstance(row);
    },

    async listInstances(secretArn) {
      const rows = table.list(secretPartition(secretArn), { prefix: "INSTANCE#" });
      return (await rows).map(toInstance);
    },

    // The instance's row comes last: with it the report counts as recorded, and a repeated one does nothing of this.
    async recordReport(report, currentSince) {
      await addToAudit(table, report);
      if (currentSince) await countAdoption(table, report, inUtc(currentSince));
      const { secretArn, instanceId, service, versionId, outcome, occurredAt, trigger, timings } = report;
      const at = outcome === "swapped" ? "swappedAt" : "rejectedAt";
      const said: Row =
        outcome === "swapped"
          ? { versionId, trigger, timings: JSON.stringify(timings) }
          : { rejectedVersionId: versionId, rejectedCode: report.reason?.code ?? "unknown" };
      const isKept = await table.update(instanceKey(secretArn, instanceId), {
        set: { instanceId, service, ...said, [at]: inUtc(occurredAt), ...heard() },
        remove: ["silentSince"],
        keepDays: KEEP_INSTANCE_DAYS,
        condition: `attribute_not_exists(#${at}) OR #${at} < :${at}`,
      });
      if (!isKept) await recordHeard(secretArn, instanceId);
    },

    recordHeard,

    async markSilent(secretArn, { instanceId, heardAt }, silentSince) {
      await table.update(instanceKey(secretArn, instanceId), {
        set: { silentSince },
        keepDays: KEEP_INSTANCE_DAYS,
        condition: heardAt
          ? "#heardAt = :seenAt"
          : "attribute_exists(#instanceId) AND attribute_not_exists(#heardAt)",
        ...(heardAt && { values: { seenAt: heardAt } }),
      });
    },
  } satisfies Partial<Ledger>;
}

async function addToAudit(table: LedgerTable, report: Report): Promise<void> {
  const { versionId, instanceId, service, outcome, trigger, occurredAt, reason } = report;
  await table.update(auditKey(report), {
    set: {
      at: inUtc(occurredAt),
      versionId,
      instanceId,
      service,
      outcome,
      trigger,
      ...(reason && { code: reason.code }),
    },
    keepDays: KEEP_DAYS,
  });
}

/** An instance that starts on the version adopted nothing. */
async function countAdoption(table: LedgerTable, report: Report, currentSince: string): Promise<void> {
  if (report.outcome !== "swapped" || report.trigger === "start") return;
  const rotation = rotationKey({ ...report, currentSince });
  const row = await table.get(rotation);
  if (!row) return;
  // Clocks differ between machines: a swap cannot come before its rotation.
  const at = [inUtc(report.occurredAt), currentSince].toSorted()[1] ?? currentSince;
  const { adoptedFirstAt: first, adoptedLastAt: last } = row;
  const exists = "attribute_exists(#currentSince)";
  if (first === undefined || at < first) {
    await table.update(rotation, {
      set: { adoptedFirstAt: at },
      keepDays: KEEP_DAYS,
      condition: `${exists} AND (attribute_not_exists(#adoptedFirstAt) OR :adoptedFirstAt < #adoptedFirstAt)`,
    });
  }
  if (last === undefined || Date.parse(at) - Date.parse(last) >= LAST_ADOPTION_STEP_MS) {
    await table.update(rotation, {
      set: { adoptedLastAt: at },
      keepDays: KEEP_DAYS,
      condition: `${exists} AND (attribute_not_exists(#adoptedLastAt) OR #adoptedLastAt < :adoptedLastAt)`,
    });
  }
}

export function toInstance(row: Row): InstanceRecord {
  const { instanceId = "", service = "", versionId, swappedAt, trigger, timings, heardAt } = row;
  const { rejectedVersionId, rejectedAt, rejectedCode, silentSince } = row;
  return {
    instanceId,
    service,
    ...(versionId && { versionId }),
    ...(swappedAt && { swappedAt }),
    ...(trigger && { trigger }),
    ...(timings && { timings: SwapTimings.parse(JSON.parse(timings)) }),
    ...(rejectedVersionId && { rejectedVersionId }),
    ...(rejectedAt && { rejectedAt }),
    ...(rejectedCode && { rejectedCode }),
    ...(heardAt && { heardAt }),
    ...(silentSince && { silentSince }),
  };
}
