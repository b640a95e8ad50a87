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

/** A ledger in memory, of one secret whose versions become current once; what is known can be set. */
export function createFakeLedger(now: () => Date) {
  const versions = new Map<string, Known>();
  const instances = new Map<string, InstanceRecord>();
  const decisions = new Map<string, DecisionRecord>();
  const secrets: KnownSecret[] = [];
  const claims = new Map<string, string>();

  const keep = (versionId: string, values: Known) =>
    void versions.set(versionId, { ...values, ...versions.get(versionId) });
  const claim = async (key: string, claimant: string) => {
    if (!claims.has(key)) claims.set(key, claimant);
    return claims.get(key) === claimant;
  };
  const hear = (instanceId: string) => {
    const known = instances.get(instanceId);
    if (known) instances.set(instanceId, { ...known, heardAt: now().toISOString() });
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
    readCurrentSince: async (_, versionId) => versions.get(versionId)?.currentSince,
    recordNotice: async ({ versionId }, noticedAt) => keep(versionId, { noticedAt: noticedAt.toISOString() }),
    recordVerdict: async ({ versionId }, verdict) => keep(versionId, { verdict }),
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
    claimDecision: async (rotation, serviceArn, intent, claimant, at) => {
      const key = `${rotation.versionId} ${serviceArn}`;
      if (!(await claim(key, claimant))) return undefined;
      const { secretArn, versionId, currentSince } = rotation;
      const claimed = { secretArn, versionId, currentSince, serviceArn, intent, claimedAt: at.toISOString() };
      if (!decisions.has(key)) decisions.set(key, claimed);
      return decisions.get(key)?.intent;
    },
    finishDecision: async ({ versionId }, serviceArn, decision, at, deploymentId) => {
      const key = `${versionId} ${serviceArn}`;
      claims.set(key, "finished");
      finish(key, { decision, decidedAt: at.toISOString(), ...(deploymentId && { deploymentId }) });
    },
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
  return { ledger, versions, instances, decisions, secrets };
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
