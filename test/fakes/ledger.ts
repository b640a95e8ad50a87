import { mayOvertake } from "../../shared/aws/ledger/decision-rows.ts";
import type {
  DecisionRecord,
  InstanceRecord,
  KnownSecret,
  Ledger,
  RotationRecord,
} from "../../shared/aws/ledger.ts";
import type { Report } from "../../shared/contract/report.ts";

/** What the ledger holds of a version beside its id. */
export type Known = Partial<Omit<RotationRecord, "secretArn" | "versionId">>;

/** What the deadline check of a version found. */
export interface Check {
  readonly checkedAt: string;
  readonly adopted: number;
  readonly stale: number;
  readonly deferred?: number;
  readonly unmanaged?: number;
}

/** A ledger in memory, of one secret whose versions become current once; what is known can be set. */
export function createFakeLedger(now: () => Date) {
  const versions = new Map<string, Known>();
  const instances = new Map<string, InstanceRecord>();
  const decisions = new Map<string, DecisionRecord>();
  const secrets: KnownSecret[] = [];
  const claims = new Map<string, string>();
  const checks = new Map<string, Check>();
  const others = new Map<string, RotationRecord>();

  const keep = (versionId: string, values: Known) =>
    void versions.set(versionId, { ...values, ...versions.get(versionId) });
  const claim = async (key: string, claimant: string) => {
    if (!claims.has(key)) claims.set(key, claimant);
    return claims.get(key) === claimant;
  };
  const hear = (instanceId: string) => {
    const known = instances.get(instanceId);
    if (!known) return;
    const { silentSince: _, ...heard } = known;
    instances.set(instanceId, { ...heard, heardAt: now().toISOString() });
  };
  const finish = (key: string, values: Partial<DecisionRecord>) => {
    const known = decisions.get(key);
    if (known) decisions.set(key, { ...known, ...values });
  };

  const ledger: Ledger = {
    openRotation: async ({ secretArn, versionId, currentSince, detectedBy }) => {
      keep(versionId, { currentSince: currentSince.toISOString(), detectedBy });
      return { currentSince: "", detectedBy, ...versions.get(versionId), secretArn, versionId };
    },
    readRotation: async ({ secretArn, versionId, currentSince }) => {
      const known = versions.get(versionId);
      const check = checks.get(versionId);
      if (!known) return undefined;
      const { detectedBy = "label-updated" } = known;
      const sources = [{ source: detectedBy, toldAt: known.currentSince ?? currentSince }];
      const kept = { secretArn, versionId, currentSince, detectedBy, sources, verdicts: [], ...known };
      return {
        ...kept,
        ...(check && {
          checkedAt: check.checkedAt,
          staleAtCheck: check.stale,
          deferredAtCheck: check.deferred ?? 0,
        }),
      };
    },
    findNewest: async (secretId) => {
      const other = others.get(secretId);
      return other ? [other] : [];
    },
    readCurrentSince: async (_, versionId) => versions.get(versionId)?.currentSince,
    recordNotice: async ({ versionId }, noticedAt) => keep(versionId, { noticedAt: noticedAt.toISOString() }),
    recordVerdict: async ({ versionId }, verdict) => {
      const known = versions.get(versionId);
      const isOpen = verdict === "unverifiable" || verdict === "unreachable";
      if (known?.verdict === "accepted" || (known?.verdict === "rejected" && isOpen)) return false;
      versions.set(versionId, { ...known, verdict });
      return true;
    },
    recordCheck: async ({ versionId }, checkedAt, result) =>
      void checks.set(versionId, { checkedAt: checkedAt.toISOString(), ...result }),
    recordSecret: async (secretArn) => {
      if (!secrets.some((secret) => secret.secretArn === secretArn)) secrets.push({ secretArn });
    },
    recordPresence: async (secretArn, goneSince) => {
      const index = secrets.findIndex((secret) => secret.secretArn === secretArn);
      const { goneSince: _, ...known } = secrets[index] ?? { secretArn };
      secrets[index] = { ...known, ...(goneSince && { goneSince: goneSince.toISOString() }) };
    },
    readInstance: async (_, instanceId) => instances.get(instanceId),
    listInstances: async () => [...instances.values()],
    recordReport: async (report) => {
      const { instanceId, service, outcome, occurredAt } = report;
      const known = instances.get(instanceId);
      const last = outcome === "swapped" ? known?.swappedAt : known?.rejectedAt;
      if (last === undefined || last < occurredAt)
        instances.set(instanceId, { ...known, instanceId, service, ...saidBy(report) });
      hear(instanceId);
    },
    recordHeard: async (_, instanceId) => hear(instanceId),
    markSilent: async (_, { instanceId, heardAt }, silentSince) => {
      const known = instances.get(instanceId);
      if (known && known.heardAt === heardAt) instances.set(instanceId, { ...known, silentSince });
    },
    claimDecision: async (rotation, serviceArn, intent, claimedBy, at, leaseMs, seenAt) => {
      const key = `${rotation.versionId} ${serviceArn}`;
      const { secretArn, versionId, currentSince } = rotation;
      const claim = { intent, claimedBy, claimedAt: at.toISOString() };
      const { decision, decidedAt, ...known }: Partial<DecisionRecord> = decisions.get(key) ?? {};
      if (decision !== undefined) {
        if (!mayOvertake(intent, decision)) return false;
        const earlier = { earlierDecision: decision, ...(decidedAt && { earlierDecidedAt: decidedAt }) };
        decisions.set(key, {
          ...known,
          secretArn,
          versionId,
          currentSince,
          serviceArn,
          ...claim,
          ...earlier,
        });
        return true;
      }
      const isOwn = known.claimedBy === claimedBy && (known.intent === intent || known.intent !== "redeploy");
      const isLapsed = Date.parse(known.claimedAt ?? "") < at.getTime() - leaseMs;
      const isSeen =
        intent === "redeploy" || known.intent !== "redeploy" || (seenAt && known.claimedAt === seenAt);
      if (known.claimedBy !== undefined && !isOwn && !(isLapsed && isSeen)) return false;
      decisions.set(key, { ...known, secretArn, versionId, currentSince, serviceArn, ...claim });
      return true;
    },
    finishDecision: async ({ versionId }, serviceArn, decision, at, deploymentId) => {
      const key = `${versionId} ${serviceArn}`;
      const known = decisions.get(key);
      if (known?.decision !== undefined || (decision !== "redeploy" && known?.intent !== decision)) return;
      finish(key, { decision, decidedAt: at.toISOString(), ...(deploymentId && { deploymentId }) });
    },
    listDecisions: async ({ versionId }) =>
      [...decisions.values()].filter((decision) => decision.versionId === versionId),
    findRedeploys: async (deploymentId) =>
      [...decisions.values()].filter((decision) => decision.deploymentId === deploymentId),
    recordDeployment: async ({ versionId, serviceArn }, deploymentOutcome, endedAt) => {
      const key = `${versionId} ${serviceArn}`;
      if (!decisions.get(key)?.deploymentId || decisions.get(key)?.deploymentOutcome) return false;
      finish(key, { deploymentOutcome, deploymentEndedAt: endedAt.toISOString() });
      return true;
    },
    claimMeasurement: (_, key, claimant) => claim(key, claimant),
    readSecret: async (secretArn) => ({
      secretArn,
      rotations: [],
      instances: [...instances.values()],
      decisions: [...decisions.values()],
    }),
    async *listSecrets() {
      yield* secrets;
    },
    readHistory: async () => [],
  };
  return { ledger, versions, instances, decisions, secrets, checks, others };
}

function saidBy({
  outcome,
  versionId,
  occurredAt,
  trigger,
  timings,
  reason,
}: Report): Partial<InstanceRecord> {
  return outcome === "swapped"
    ? { versionId, swappedAt: occurredAt, trigger, timings }
    : { rejectedVersionId: versionId, rejectedAt: occurredAt, rejectedCode: reason?.code ?? "unknown" };
}
