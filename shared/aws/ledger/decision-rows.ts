import type { DecisionRecord, Ledger } from "../ledger.ts";
import type { LedgerTable, Row, RowKey } from "./ledger-table.ts";
import { decisionKey, deploymentKey, deploymentPartition, KEEP_DAYS } from "./row-keys.ts";

const REDEPLOY = "redeploy";
const DRY_RUN = "dry-run";
/**
 * Decisions that do not stand for good, and what was known of the credential then: nothing, that the store refuses it, or that
 * it is good. A rotation's verdict never goes back; nor do these.
 */
const FOR_NOW: ReadonlyMap<string, number> = new Map([
  ["credential-unverifiable", 0],
  ["credential-unreachable", 0],
  ["credential-rejected", 1],
  ["other-credential-rejected", 2],
  ["waited-too-long", 2],
  [DRY_RUN, 2],
]);

/** Whether a decision stands for good, so that nobody can claim it any more. */
export function isFinal({ decision }: Pick<DecisionRecord, "decision">): boolean {
  return decision !== undefined && !FOR_NOW.has(decision);
}

/** Whether a service is left alone, or is about to be, for a reason that may pass; a dry run is none. */
export function isWithheldForNow({ decision, intent }: Pick<DecisionRecord, "decision" | "intent">): boolean {
  const reason = decision ?? intent;
  return reason !== DRY_RUN && FOR_NOW.has(reason);
}

/**
 * Whether a claim takes a finished decision's place: what stands for good any other's, and a reason for now that of another,
 * unless less was known then. It ends: a check decides about a service once, and as long as nothing changes in the world the
 * next one comes to the same reason, whose claim is refused. One that looked before a verdict comes too late.
 */
export function mayOvertake(intent: string, decision: string): boolean {
  const known = FOR_NOW.get(decision);
  if (known === undefined || intent === decision) return false;
  return (FOR_NOW.get(intent) ?? Number.POSITIVE_INFINITY) >= known;
}

const IS_THIS_CLAIM =
  "attribute_not_exists(#decision) AND #claimedBy = :claimedBy AND #claimedAt = :claimedAt AND #intent = :intent";

/** Redeploys done and withheld, and how their deployments ended. */
export function createDecisionRows(table: LedgerTable) {
  /** Claims over a decision that was finished; the row keeps what it was. */
  const overtake = async (key: RowKey, claim: { claimedBy: string; claimedAt: string; intent: string }) => {
    const { decision, decidedAt } = (await table.get(key)) ?? {};
    if (decision === undefined || decidedAt === undefined || !mayOvertake(claim.intent, decision))
      return false;
    const row = await table.update(key, {
      set: { ...claim, earlierDecision: decision, earlierDecidedAt: decidedAt },
      remove: ["decision", "decidedAt"],
      keepDays: KEEP_DAYS,
      // Of those who find it so, one gets it; and the SDK repeats a request whose answer was lost.
      condition: `(#decision = :earlierDecision AND #decidedAt = :earlierDecidedAt) OR (${IS_THIS_CLAIM})`,
    });
    return row !== undefined;
  };

  return {
    async claimDecision(rotation, serviceArn, intent, claimant, now, leaseMs, seenAt = "") {
      const { secretArn, versionId, currentSince } = rotation;
      const key = decisionKey(rotation, serviceArn);
      const claim = { claimedBy: claimant, claimedAt: now.toISOString(), intent };
      // Its own claim counts too: the SDK repeats a request whose answer was lost, and SQS a message after a crash. But
      // what is being deployed by a copy of the message is not withheld by another.
      const isOwn = "#claimedBy = :claimedBy AND (#intent = :intent OR #intent <> :redeploy)";
      // A deployment that was forced before a crash must not stand as withheld.
      const isSeen = intent === REDEPLOY ? "" : " AND (#intent <> :redeploy OR #claimedAt = :seenAt)";
      const isFree = `attribute_not_exists(#decision) AND ((${isOwn}) OR (#claimedAt < :lapsed${isSeen}))`;
      const row = await table.update(key, {
        set: claim,
        keep: { secretArn, versionId, currentSince, serviceArn },
        keepDays: KEEP_DAYS,
        condition: `attribute_not_exists(#claimedBy) OR (${isFree})`,
        values: {
          lapsed: new Date(now.getTime() - leaseMs).toISOString(),
          redeploy: REDEPLOY,
          ...(isSeen && { seenAt }),
        },
      });
      return row !== undefined || overtake(key, claim);
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
      // Who withholds does not finish what somebody has claimed since to redeploy.
      const isOpen = "attribute_not_exists(#decision)";
      await table.update(key, {
        set: { decision, decidedAt: now.toISOString(), ...(deploymentId && { deploymentId }) },
        keepDays: KEEP_DAYS,
        condition: decision === REDEPLOY ? isOpen : `${isOpen} AND #intent = :decision`,
      });
    },

    async listDecisions(rotation) {
      const { pk, sk: prefix } = decisionKey(rotation, "");
      return (await table.list(pk, { prefix })).map(toDecision);
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
  const {
    intent = "",
    claimedAt = "",
    claimedBy,
    decision,
    decidedAt,
    earlierDecision,
    earlierDecidedAt,
  } = row;
  const { deploymentId, deploymentOutcome: outcome, deploymentEndedAt } = row;
  return {
    secretArn,
    versionId,
    currentSince,
    serviceArn,
    intent,
    claimedAt,
    ...(claimedBy && { claimedBy }),
    ...(decision && { decision }),
    ...(decidedAt && { decidedAt }),
    ...(earlierDecision && { earlierDecision }),
    ...(earlierDecidedAt && { earlierDecidedAt }),
    ...(deploymentId && { deploymentId }),
    ...((outcome === "completed" || outcome === "failed") && { deploymentOutcome: outcome }),
    ...(deploymentEndedAt && { deploymentEndedAt }),
  };
}
