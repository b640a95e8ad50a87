import type { DecisionRecord, HistoryEntry, RotationView, SecretView } from "../ledger.ts";
import type { Row } from "./ledger-table.ts";

/**
 * The history of a secret, oldest first: what each rotation's row tells, which is written once, and what instances did.
 *
 * @param audit rows of the audit partition
 * @param since entries before are left out
 */
export function toHistory(
  { rotations, decisions }: SecretView,
  audit: readonly Row[],
  since?: Date,
): HistoryEntry[] {
  const from = since?.toISOString() ?? "";
  return [
    ...rotations.flatMap(historyOfRotation),
    ...decisions.flatMap(historyOfDecision),
    ...audit.map(historyOfInstance),
  ]
    .filter(({ at }) => at >= from)
    .toSorted((a, b) => a.at.localeCompare(b.at));
}

function historyOfRotation(rotation: RotationView): HistoryEntry[] {
  const { versionId, currentSince, detectedBy, sources, noticedAt, verdict, decidedAt, reason } = rotation;
  return [
    { at: currentSince, versionId, what: "rotated", source: detectedBy },
    ...sources
      .filter(({ source }) => source !== detectedBy)
      .map(({ source, toldAt }) => ({ at: toldAt, versionId, what: "seen-again", source }) as const),
    ...(noticedAt ? [{ at: noticedAt, versionId, what: "noticed" } as const] : []),
    ...(verdict && decidedAt
      ? [{ at: decidedAt, versionId, what: "verified", verdict, ...(reason && { reason }) } as const]
      : []),
  ];
}

function historyOfDecision(record: DecisionRecord): HistoryEntry[] {
  const { versionId, serviceArn, intent, claimedAt, decision, decidedAt } = record;
  const { deploymentOutcome: outcome, deploymentEndedAt } = record;
  // What a handler that crashed was about to do, it may have done.
  if (!decision || !decidedAt) return [{ at: claimedAt, versionId, serviceArn, what: "undecided", intent }];
  const decided = { at: decidedAt, versionId, serviceArn };
  return [
    decision === "redeploy"
      ? { ...decided, what: "redeployed" }
      : { ...decided, what: "withheld", reason: decision },
    ...(outcome && deploymentEndedAt
      ? [{ at: deploymentEndedAt, versionId, serviceArn, what: "deployment-ended", outcome } as const]
      : []),
  ];
}

function historyOfInstance(row: Row): HistoryEntry {
  const {
    at = "",
    versionId = "",
    instanceId = "",
    service = "",
    outcome,
    trigger = "",
    code = "unknown",
  } = row;
  const base = { at, versionId, instanceId, service };
  return outcome === "rejected"
    ? { ...base, what: "refused", code }
    : { ...base, what: "adopted", trigger: trigger };
}
