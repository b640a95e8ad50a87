import { clusterOfTask } from "../../shared/aws/ecs/running-tasks.ts";
import type { EcsServices, ServiceUsingSecret, StandaloneTask } from "../../shared/aws/ecs-services.ts";
import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Notices } from "../../shared/aws/notices.ts";
import type { RedeployTurns } from "../../shared/aws/redeploy-turns.ts";
import type { SecretFacts, Secrets } from "../../shared/aws/secrets.ts";
import type { DomainEvent } from "../../shared/contract/domain-event.ts";
import type { Notice } from "../../shared/contract/notice.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import { Redacted } from "../../shared/engines/redacted.ts";
import { createFakeLedger } from "./ledger.ts";
import { createFakeSlots } from "./redeploy-slots.ts";

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
  const {
    ledger,
    versions,
    instances,
    decisions,
    checks,
    others,
    secrets: known,
  } = createFakeLedger(() => NOW);
  const notices: Notice[] = [];
  const events: DomainEvent[] = [];
  const redeployed: string[] = [];
  const services: ServiceUsingSecret[] = [];
  const standaloneTasks: StandaloneTask[] = [];
  const taken = new Map<string, number>();
  const { slots, heldBy } = createFakeSlots(5);

  const secrets: Secrets = {
    describe: async (secretId) => {
      const other = others.get(secretId);
      if (other) return { secretArn: secretId, currentVersionId: other.versionId };
      return facts.currentVersionId === undefined ? undefined : facts;
    },
    read: async () => new Redacted('{"username":"orders","password":"EXAMPLE"}'),
  };
  const bus: EventBus = { publish: async (event) => void events.push(event) };
  const noticePort: Notices = { publish: async (notice) => void notices.push(notice) };
  const ecs: EcsServices = {
    findUsing: async () => ({ services, standaloneTasks }),
    knows: (instanceId) => clusterOfTask(instanceId) !== undefined,
    findDeployment: async (serviceArn) =>
      services.find((service) => service.serviceArn === serviceArn)?.primaryDeployment,
    forceNewDeployment: async ({ serviceArn }) => `ecs-svc/${redeployed.push(serviceArn)}`,
  };
  const turns: RedeployTurns = {
    take: async (serviceArn, at, intervalMs) => {
      const isFree = (taken.get(serviceArn) ?? Number.NEGATIVE_INFINITY) <= at.getTime() - intervalMs;
      if (isFree) taken.set(serviceArn, at.getTime());
      return isFree;
    },
    giveBack: async (serviceArn) => void taken.delete(serviceArn),
  };
  return {
    ports: {
      secrets,
      ledger,
      bus,
      notices: noticePort,
      ecs,
      turns,
      slots,
      now: () => NOW,
      deadlineMs: 1_000,
      actingBudgetMs: 45_000,
      claimLeaseMs: 30_000,
      minIntervalMs: 300_000,
      mayRedeployUnverified: false,
      dryRun: false,
      silentAfterMs: 26 * 3_600_000,
    },
    facts,
    versions,
    instances,
    decisions,
    checks,
    /** Newest rotations of other secrets, by the id under which a service has them. */
    others,
    /** What the ledger lists. */
    known,
    services,
    standaloneTasks,
    notices,
    events,
    redeployed,
    /** Services that hold a place among the deployments under way. */
    heldBy,
    eventTypes: () => events.map(({ type }) => type),
  };
}
