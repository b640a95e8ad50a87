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
  const { versionId, currentSince, detectedBy, sources, noticedAt, verdicts } = rotation;
  return [
    { at: currentSince, versionId, what: "rotated", source: detectedBy },
    ...sources
      .filter(({ source }) => source !== detectedBy)
      .map(({ source, toldAt }) => ({ at: toldAt, versionId, what: "seen-again", source }) as const),
    ...(noticedAt ? [{ at: noticedAt, versionId, what: "noticed" } as const] : []),
    ...verdicts.map(
      ({ decidedAt, ...verdict }) => ({ at: decidedAt, versionId, what: "verified", ...verdict }) as const,
    ),
  ];
}

function historyOfDecision(record: DecisionRecord): HistoryEntry[] {
  const { versionId, serviceArn, intent, claimedAt, decision, decidedAt } = record;
  const { earlierDecision, earlierDecidedAt, deploymentOutcome: outcome, deploymentEndedAt } = record;
  const base = { versionId, serviceArn };
  return [
    // What was withheld until the credential was known to be good.
    ...(earlierDecision && earlierDecidedAt
      ? [{ at: earlierDecidedAt, ...base, what: "withheld", reason: earlierDecision } as const]
      : []),
    // What a handler that crashed was about to do, it may have done.
    ...(decision && decidedAt
      ? [{ at: decidedAt, ...base, ...outcomeOf(decision) }]
      : [{ at: claimedAt, ...base, what: "undecided", intent } as const]),
    ...(outcome && deploymentEndedAt
      ? [{ at: deploymentEndedAt, ...base, what: "deployment-ended", outcome } as const]
      : []),
  ];
}

const outcomeOf = (decision: string) =>
  decision === "redeploy"
    ? ({ what: "redeployed" } as const)
    : ({ what: "withheld", reason: decision } as const);

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
