import type { EcsServices, ServiceUsingSecret } from "../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { InstanceRecord, Ledger, RotationRecord, Verdict } from "../../shared/aws/ledger.ts";
import type { Notices } from "../../shared/aws/notices.ts";
import type { SecretFacts, Secrets } from "../../shared/aws/secrets.ts";
import type { DomainEvent } from "../../shared/contract/domain-event.ts";
import type { Notice } from "../../shared/contract/notice.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import { Redacted } from "../../shared/engines/redacted.ts";

export const SECRET_ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-AbCdEf";
export const V1 = "11111111-1111-4111-8111-111111111111";
export const V2 = "22222222-2222-4222-8222-222222222222";
export const ROTATED_AT = "2026-11-20T10:00:00Z";
/** A manual clock, one second after the rotation. */
export const NOW = new Date("2026-11-20T10:00:01Z");

export const labelUpdated = (versionId = V2): RotationEvent => ({
  secretArn: SECRET_ARN,
  versionId,
  source: "label-updated",
  occurredAt: ROTATED_AT,
});
/** What the ledger holds of a version beside its id. */
export type Known = Partial<Pick<RotationRecord, "currentSince" | "noticedAt">> & {
  readonly verdict?: Verdict;
};

export const rotationSucceeded = (): RotationEvent => ({
  secretArn: SECRET_ARN,
  source: "rotation-succeeded",
  occurredAt: ROTATED_AT,
});

/** Behind the ports of the handlers: what was done is in the arrays, what is known can be set. */
export function createFakePipeline(current: string = V2) {
  const facts: { -readonly [K in keyof SecretFacts]: SecretFacts[K] } = {
    secretArn: SECRET_ARN,
    currentVersionId: current,
    previousVersionId: V1,
    lastChangedAt: new Date(ROTATED_AT),
  };
  const versions = new Map<string, Known>();
  const instances = new Map<string, InstanceRecord>();
  const claims = new Map<string, string>();
  const intents = new Map<string, string>();
  const notices: Notice[] = [];
  const events: DomainEvent[] = [];
  const redeployed: string[] = [];
  const services: ServiceUsingSecret[] = [];

  const secrets: Secrets = {
    describe: async () => (facts.currentVersionId === undefined ? undefined : facts),
    read: async () => new Redacted('{"username":"orders","password":"EXAMPLE"}'),
  };
  const patch = (versionId: string, values: Known) =>
    void versions.set(versionId, { ...values, ...versions.get(versionId) });
  const claim = async (key: string, claimant: string) => {
    if (!claims.has(key)) claims.set(key, claimant);
    return claims.get(key) === claimant;
  };
  const ledger: Ledger = {
    openRotation: async ({ secretArn, versionId, currentSince }) => {
      patch(versionId, { currentSince: currentSince.toISOString() });
      return { currentSince: "", ...versions.get(versionId), secretArn, versionId };
    },
    readCurrentSince: async (_, versionId) => versions.get(versionId)?.currentSince,
    recordNotice: async ({ versionId }, noticedAt) =>
      patch(versionId, { noticedAt: noticedAt.toISOString() }),
    recordVerdict: async ({ versionId }, verdict) => patch(versionId, { verdict }),
    readInstance: async (_, instanceId) => instances.get(instanceId),
    listInstances: async () => [...instances.values()],
    recordReport: async ({ instanceId, service, versionId, outcome, occurredAt }) =>
      void instances.set(instanceId, {
        ...instances.get(instanceId),
        instanceId,
        service,
        ...(outcome === "swapped"
          ? { versionId, swappedAt: occurredAt }
          : { rejectedVersionId: versionId, rejectedAt: occurredAt }),
      }),
    claimDecision: async ({ versionId }, serviceArn, decision, claimant) => {
      const row = `${versionId} ${serviceArn}`;
      if (!(await claim(row, claimant))) return undefined;
      if (!intents.has(row)) intents.set(row, decision);
      return intents.get(row);
    },
    finishDecision: async ({ versionId }, serviceArn) =>
      void claims.set(`${versionId} ${serviceArn}`, "finished"),
    claimMeasurement: (_, key, claimant) => claim(key, claimant),
  };
  const bus: EventBus = { publish: async (event) => void events.push(event) };
  const noticePort: Notices = { publish: async (notice) => void notices.push(notice) };
  const ecs: EcsServices = {
    findUsing: async () => services,
    forceNewDeployment: async ({ serviceArn }) => void redeployed.push(serviceArn),
  };
  return {
    ports: {
      secrets,
      ledger,
      bus,
      notices: noticePort,
      ecs,
      now: () => NOW,
      deadlineMs: 1_000,
      claimLeaseMs: 30_000,
    },
    facts,
    versions,
    instances,
    services,
    notices,
    events,
    redeployed,
    eventTypes: () => events.map(({ type }) => type),
  };
}
