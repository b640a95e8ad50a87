import type { DecisionRecord, Ledger } from "../ledger.ts";
import type { LedgerTable, Row } from "./ledger-table.ts";
import { decisionKey, deploymentKey, deploymentPartition, KEEP_DAYS } from "./row-keys.ts";

/** Redeploys done and withheld, and how their deployments ended. */
export function createDecisionRows(table: LedgerTable) {
  return {
    async claimDecision(rotation, serviceArn, decision, claimant, now, leaseMs) {
      const { secretArn, versionId, currentSince } = rotation;
      // Its own claim counts too: the SDK repeats a request whose answer was lost, and SQS a message after a crash.
      const isFree = "attribute_not_exists(#decision) AND (#claimedBy = :claimedBy OR #claimedAt < :lapsed)";
      const row = await table.update(decisionKey(rotation, serviceArn), {
        set: { claimedBy: claimant, claimedAt: now.toISOString() },
        keep: { secretArn, versionId, currentSince, serviceArn, intent: decision },
        keepDays: KEEP_DAYS,
        condition: `attribute_not_exists(#claimedBy) OR (${isFree})`,
        values: { lapsed: new Date(now.getTime() - leaseMs).toISOString() },
      });
      return row?.intent;
    },

    async finishDecision(rotation, serviceArn, decision, now, deploymentId) {
      const key = decisionKey(rotation, serviceArn);
      if (deploymentId) {
        // First, so that a deployment whose decision is finished can always be found.
        const { secretArn, versionId, currentSince } = rotation;
        await table.update(deploymentKey(deploymentId, key), {
          set: { secretArn, versionId, currentSince, serviceArn },
          keepDays: KEEP_DAYS,
        });
      }
      await table.update(key, {
        set: { decision, decidedAt: now.toISOString(), ...(deploymentId && { deploymentId }) },
        keepDays: KEEP_DAYS,
        condition: "attribute_not_exists(#decision)",
      });
    },

    async findRedeploys(deploymentId) {
      const found: DecisionRecord[] = [];
      for await (const row of table.query(deploymentPartition(deploymentId))) {
        const { secretArn = "", versionId = "", currentSince = "", serviceArn = "" } = row;
        const decision = await table.get(decisionKey({ secretArn, versionId, currentSince }, serviceArn));
        if (decision?.deploymentId === deploymentId) found.push(toDecision(decision));
      }
      return found;
    },

    async recordDeployment(decision, outcome, endedAt) {
      const row = await table.update(decisionKey(decision, decision.serviceArn), {
        set: { deploymentOutcome: outcome, deploymentEndedAt: endedAt.toISOString() },
        keepDays: KEEP_DAYS,
        condition: "attribute_exists(#deploymentId) AND attribute_not_exists(#deploymentOutcome)",
      });
      return row !== undefined;
    },
  } satisfies Partial<Ledger>;
}

export function toDecision(row: Row): DecisionRecord {
  const { secretArn = "", versionId = "", currentSince = "", serviceArn = "" } = row;
  const { intent = "", claimedAt = "", decision, decidedAt } = row;
  const { deploymentId, deploymentOutcome: outcome, deploymentEndedAt } = row;
  return {
    secretArn,
    versionId,
    currentSince,
    serviceArn,
    intent,
    claimedAt,
    ...(decision && { decision }),
    ...(decidedAt && { decidedAt }),
    ...(deploymentId && { deploymentId }),
    ...((outcome === "completed" || outcome === "failed") && { deploymentOutcome: outcome }),
    ...(deploymentEndedAt && { deploymentEndedAt }),
  };
}
