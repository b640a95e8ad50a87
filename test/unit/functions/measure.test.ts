import { expect, test } from "vitest";
import { createMeasure, createMeasureAttempt, planMeasurements } from "../../../functions/measure/measure.ts";
import type { DomainEvent } from "../../../shared/contract/domain-event.ts";
import { ROTATION_ATTEMPTS } from "../../../shared/contract/rotation-attempt.ts";
import type { RotationSource } from "../../../shared/contract/rotation-event.ts";
import type { PublishMeasurements } from "../../../shared/lambda/secret-metrics.ts";
import { createFakePipeline, SECRET_ARN, V2 } from "../../fakes/pipeline.ts";

const base = { v: 1, secretArn: SECRET_ARN, versionId: V2, occurredAt: "2026-11-20T10:00:00.000Z" } as const;
const move = { ...base, currentSince: base.occurredAt };
const instance = { instanceId: "task-1", service: "orders-api" };
const service = { serviceArn: "legacy-api", staleTasks: 1 };

test.each<{ event: DomainEvent; metrics: Record<string, number> }>([
  {
    event: {
      type: "RotationNoticed",
      detail: { ...move, detectedBy: "label-updated", currentSince: base.occurredAt, noticeLatencyMs: 30 },
    },
    metrics: { RotationNoticed: 1, NoticeLatency: 30 },
  },
  {
    event: { type: "RotationSeenAgain", detail: { ...move, detectedBy: "rotation-succeeded" } },
    metrics: { DuplicateSource: 1 },
  },
  {
    event: { type: "RotationMissed", detail: move },
    metrics: { RotationMissed: 1 },
  },
  {
    event: { type: "InstanceSilent", detail: { ...base, ...instance, lastHeardAt: base.occurredAt } },
    metrics: { InstanceSilent: 1 },
  },
  {
    event: { type: "CredentialVerified", detail: { ...move, verifyMs: 4 } },
    metrics: { CredentialVerified: 1, VerifyDuration: 4 },
  },
  {
    event: { type: "CredentialRejected", detail: { ...move, code: "28P01", reason: "" } },
    metrics: { CredentialRejected: 1 },
  },
  {
    event: { type: "CredentialUnverifiable", detail: { ...move, reason: "" } },
    metrics: { CredentialUnverifiable: 1 },
  },
  {
    event: { type: "InstanceSwapped", detail: { ...base, ...instance, adoptionMs: 80, timings: {} } },
    metrics: { InstanceSwapped: 1, AdoptionLatency: 80 },
  },
  {
    event: { type: "InstanceSwapped", detail: { ...base, ...instance, timings: {} } },
    metrics: { InstanceSwapped: 1 },
  },
  {
    event: { type: "RedeployPlanned", detail: { ...move, ...service } },
    metrics: { RedeployPlanned: 1 },
  },
  {
    event: { type: "ServiceRedeployed", detail: { ...move, ...service, pinned: true } },
    metrics: { ServiceRedeployed: 1, SecretPinned: 1 },
  },
  {
    event: {
      type: "RedeployWithheld",
      detail: { ...move, ...service, pinned: true, reason: "deployment-in-progress" },
    },
    metrics: { RedeployWithheld: 1, SecretPinned: 1 },
  },
  {
    event: { type: "RedeployWithheld", detail: { ...move, ...service, reason: "secret-pinned" } },
    metrics: { RedeployWithheld: 1, SecretPinned: 1 },
  },
  {
    event: {
      type: "RedeployDeferred",
      detail: {
        ...move,
        deferred: 7,
        round: 1,
        claimant: "m1",
        detectedBy: "label-updated",
        toldAt: base.occurredAt,
      },
    },
    metrics: { RedeployDeferred: 7 },
  },
  {
    event: {
      type: "RedeployCompleted",
      detail: { ...move, serviceArn: "legacy-api", deploymentId: "ecs-svc/1", durationMs: 41_000 },
    },
    metrics: { RedeployCompleted: 1, RedeployDuration: 41_000 },
  },
  {
    event: {
      type: "RedeployFailed",
      detail: { ...move, serviceArn: "legacy-api", deploymentId: "ecs-svc/1", reason: "" },
    },
    metrics: { RedeployFailed: 1 },
  },
  {
    event: { type: "StaleUnmanaged", detail: { ...move, instances: 2, examples: ["host:1", "host:2"] } },
    metrics: { StaleUnmanaged: 2 },
  },
  {
    event: { type: "InstanceRejected", detail: { ...base, ...instance, code: "28P01", reason: "" } },
    metrics: { InstanceRejected: 1 },
  },
  {
    event: { type: "AdoptionChecked", detail: { ...move, adopted: 3, stale: 1 } },
    metrics: { StaleInstances: 1 },
  },
  {
    event: { type: "ServiceRedeployed", detail: { ...move, ...service } },
    metrics: { ServiceRedeployed: 1 },
  },
  {
    event: { type: "RedeployWithheld", detail: { ...move, ...service, reason: "credential-rejected" } },
    metrics: { RedeployWithheld: 1 },
  },
])("measures $event.type", ({ event, metrics }) => {
  expect(Object.fromEntries(planMeasurements(event).map(({ name, value }) => [name, value]))).toEqual(
    metrics,
  );
});

const swapped = (instanceId: string, occurredAt: string = base.occurredAt): DomainEvent => ({
  type: "InstanceSwapped",
  detail: { ...base, ...instance, instanceId, occurredAt, timings: {} },
});

function measuring() {
  const published: Parameters<PublishMeasurements>[] = [];
  const measure = createMeasure({
    ...createFakePipeline().ports,
    publish: (...one) => void published.push(one),
  });
  return { published, measure };
}

test("counts a step once, and the same step of another instance, or at another time, for itself", async () => {
  const { published, measure } = measuring();
  await measure(swapped("task-1"), "m1");
  expect(await measure(swapped("task-1"), "m2")).toBe("already-measured");
  await measure(swapped("task-2"), "m3");
  await measure(swapped("task-1", "2026-11-20T11:00:00.000Z"), "m4");
  expect(published).toHaveLength(3);
});

test("says of which secret, and beside it which version, instance and service", async () => {
  const { published, measure } = measuring();
  await measure(swapped("task-1"), "m1");
  await measure({ type: "ServiceRedeployed", detail: { ...move, ...service } }, "m2");
  expect(published).toEqual([
    [SECRET_ARN, [{ name: "InstanceSwapped", value: 1 }], { versionId: V2, instanceId: "task-1" }],
    [SECRET_ARN, [{ name: "ServiceRedeployed", value: 1 }], { versionId: V2, serviceArn: "legacy-api" }],
  ]);
});

test("measures a message again that was delivered again, since its metrics may be lost", async () => {
  const { measure } = measuring();
  await measure(swapped("task-1"), "m1");
  expect(await measure(swapped("task-1"), "m1")).toBe("measured");
});

test("counts a rotation back to an earlier version for itself", async () => {
  const { measure } = measuring();
  const rejected = (currentSince: string): DomainEvent => ({
    type: "CredentialRejected",
    detail: { ...base, currentSince, code: "28P01", reason: "" },
  });
  await measure(rejected("2026-11-20T10:00:00.000Z"), "m1");
  expect(await measure(rejected("2026-11-20T12:00:00.000Z"), "m2")).toBe("measured");
});

test("counts each further source of a rotation for itself", async () => {
  const { published, measure } = measuring();
  const seenAgain = (detectedBy: RotationSource): DomainEvent => ({
    type: "RotationSeenAgain",
    detail: { ...move, detectedBy },
  });
  await measure(seenAgain("rotation-succeeded"), "m1");
  await measure(seenAgain("update-version-stage"), "m2");
  expect(await measure(seenAgain("rotation-succeeded"), "m3")).toBe("already-measured");
  expect(published).toHaveLength(2);
});

function measuringAttempts(isWatched: boolean) {
  const published: Parameters<PublishMeasurements>[] = [];
  const measureAttempt = createMeasureAttempt({
    ...createFakePipeline().ports,
    publish: (...one) => void published.push(one),
    isWatched: async () => isWatched,
  });
  return { published, measureAttempt };
}

test.each(ROTATION_ATTEMPTS)("counts %s once, however often its event is delivered", async (type) => {
  const { published, measureAttempt } = measuringAttempts(true);
  const attempt = { type, secretArn: SECRET_ARN, occurredAt: base.occurredAt, eventId: "e1" };
  expect(await measureAttempt(attempt, "m1")).toBe("measured");
  expect(await measureAttempt(attempt, "m2")).toBe("already-measured");
  expect(await measureAttempt({ ...attempt, eventId: "e2" }, "m3")).toBe("measured");
  const once = [SECRET_ARN, [{ name: type, value: 1 }], {}];
  expect(published).toEqual([once, once]);
});

test.each(ROTATION_ATTEMPTS)("counts no %s of a secret that is left out by its tags", async (type) => {
  const { published, measureAttempt } = measuringAttempts(false);
  const attempt = { type, secretArn: SECRET_ARN, occurredAt: base.occurredAt, eventId: "e1" };
  expect(await measureAttempt(attempt, "m1")).toBe("not-watched");
  expect(published).toEqual([]);
});
