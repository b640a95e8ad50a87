import type { Stage } from "../../../cli/src/place/place.ts";
import { stageNames } from "../../../cli/src/place/stage-names.ts";
import { createSuggest } from "../../../cli/src/place/suggest.ts";
import type { InstanceRecord, RotationView, SecretView } from "../../../shared/aws/ledger.ts";

export const NOW = new Date("2026-11-20T12:00:00.000Z");
export const STAGE: Stage = { names: stageNames("prod"), suggest: createSuggest("prod") };
export const SECRET_ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-OurebW";
export const OLD = "11111111-0000-4000-8000-000000000001";
export const NEW = "22222222-0000-4000-8000-000000000002";
export const SERVICE_ARN = "arn:aws:ecs:us-east-1:000000000000:service/default/legacy-api";
export const taskArn = (id: string) => `arn:aws:ecs:us-east-1:000000000000:task/default/${id}`;

export const minutesAgo = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000).toISOString();

export function rotation(changes: Partial<RotationView> = {}): RotationView {
  return {
    secretArn: SECRET_ARN,
    versionId: NEW,
    currentSince: minutesAgo(3),
    detectedBy: "label-updated",
    sources: [{ source: "label-updated", toldAt: minutesAgo(3) }],
    noticedAt: new Date(Date.parse(minutesAgo(3)) + 84).toISOString(),
    verdict: "accepted",
    decidedAt: minutesAgo(3),
    checkedAt: minutesAgo(2),
    adoptedAtCheck: 1,
    staleAtCheck: 0,
    verdicts: [{ verdict: "accepted", decidedAt: minutesAgo(3) }],
    ...changes,
  };
}

export function instance(changes: Partial<InstanceRecord> = {}): InstanceRecord {
  return {
    instanceId: taskArn("aaaaaaaaaaaaaaaa0000000000000001"),
    service: "orders-api",
    versionId: NEW,
    swappedAt: minutesAgo(2),
    trigger: "notice",
    timings: { totalMs: 41 },
    heardAt: minutesAgo(2),
    ...changes,
  };
}

export function secretView(changes: Partial<SecretView> = {}): SecretView {
  const current = rotation();
  return {
    secretArn: SECRET_ARN,
    current,
    rotations: [current],
    instances: [instance()],
    decisions: [],
    ...changes,
  };
}
