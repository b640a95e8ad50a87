import { expect, test } from "vitest";
import { createMeasure, type Measurement, planMeasurements } from "../../../functions/measure/measure.ts";
import type { DomainEvent } from "../../../shared/contract/domain-event.ts";
import { createFakePipeline, SECRET_ARN, V2 } from "../../fakes/pipeline.ts";

const base = { v: 1, secretArn: SECRET_ARN, versionId: V2, occurredAt: "2026-11-20T10:00:00.000Z" } as const;
const instance = { instanceId: "task-1", service: "orders-api" };
const service = { serviceArn: "legacy-api", staleTasks: 1 };

test.each<{ event: DomainEvent; metrics: Record<string, number> }>([
  {
    event: {
      type: "RotationNoticed",
      detail: { ...base, detectedBy: "label-updated", currentSince: base.occurredAt, noticeLatencyMs: 30 },
    },
    metrics: { RotationNoticed: 1, NoticeLatency: 30 },
  },
  {
    event: { type: "CredentialVerified", detail: { ...base, verifyMs: 4 } },
    metrics: { CredentialVerified: 1, VerifyDuration: 4 },
  },
  {
    event: { type: "CredentialRejected", detail: { ...base, code: "28P01", reason: "" } },
    metrics: { CredentialRejected: 1 },
  },
  {
    event: { type: "CredentialUnverifiable", detail: { ...base, reason: "" } },
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
    event: { type: "AdoptionChecked", detail: { ...base, adopted: 3, stale: 1 } },
    metrics: { StaleInstances: 1 },
  },
  {
    event: { type: "ServiceRedeployed", detail: { ...base, ...service } },
    metrics: { ServiceRedeployed: 1 },
  },
  {
    event: { type: "RedeployWithheld", detail: { ...base, ...service, reason: "credential-rejected" } },
    metrics: { RedeployWithheld: 1 },
  },
])("measures $event.type", ({ event, metrics }) => {
  expect(Object.fromEntries(planMeasurements(event).map(({ name, value }) => [name, value]))).toEqual(
    metrics,
  );
});

test("counts a step once, and the same step of another instance for itself", async () => {
  const fake = createFakePipeline();
  const emitted: Measurement[] = [];
  const measure = createMeasure({ ...fake.ports, emit: (measurement) => emitted.push(measurement) });
  const swapped = (instanceId: string): DomainEvent => ({
    type: "InstanceSwapped",
    detail: { ...base, ...instance, instanceId, timings: {} },
  });
  await measure(swapped("task-1"));
  expect(await measure(swapped("task-1"))).toBe("already-measured");
  await measure(swapped("task-2"));
  expect(emitted).toHaveLength(2);
});
