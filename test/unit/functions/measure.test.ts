import { expect, test } from "vitest";
import { createMeasure, type Measurement, planMeasurements } from "../../../functions/measure/measure.ts";
import type { DomainEvent } from "../../../shared/contract/domain-event.ts";
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
  const emitted: Measurement[] = [];
  const measure = createMeasure({
    ...createFakePipeline().ports,
    emit: (measurement) => emitted.push(measurement),
  });
  return { emitted, measure };
}

test("counts a step once, and the same step of another instance, or at another time, for itself", async () => {
  const { emitted, measure } = measuring();
  await measure(swapped("task-1"), "m1");
  expect(await measure(swapped("task-1"), "m2")).toBe("already-measured");
  await measure(swapped("task-2"), "m3");
  await measure(swapped("task-1", "2026-11-20T11:00:00.000Z"), "m4");
  expect(emitted).toHaveLength(3);
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
