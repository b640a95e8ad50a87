import { expect, test } from "vitest";
import type {
  DecisionRecord,
  InstanceRecord,
  RotationView,
  SecretView,
} from "../../../../shared/aws/ledger.ts";
import { type SafeToRotateOptions, safeToRotate } from "../../../../shared/rotation/safe-to-rotate.ts";
import { NOW, ROTATED_AT, SECRET_ARN, V1, V2 } from "../../../fakes/pipeline.ts";

const TASK = "arn:aws:ecs:us-east-1:000000000000:task/default/0123456789abcdef";
const HOUR_MS = 3_600_000;
const ago = (ms: number) => new Date(NOW.getTime() - ms).toISOString();

const rotation = (changes: Partial<RotationView> = {}): RotationView => ({
  secretArn: SECRET_ARN,
  versionId: V2,
  currentSince: new Date(ROTATED_AT).toISOString(),
  detectedBy: "label-updated",
  sources: [],
  verdicts: [],
  verdict: "accepted",
  checkedAt: ago(500),
  ...changes,
});
const instance = (changes: Partial<InstanceRecord> = {}): InstanceRecord => ({
  instanceId: TASK,
  service: "orders-api",
  versionId: V2,
  heardAt: ago(1_000),
  ...changes,
});
const decision = (changes: Partial<DecisionRecord> = {}): DecisionRecord => ({
  ...rotation(),
  serviceArn: "legacy-api",
  intent: "redeploy",
  claimedAt: ago(1_000),
  ...changes,
});
const secret = (changes: Partial<SecretView> = {}): SecretView => ({
  secretArn: SECRET_ARN,
  current: rotation(),
  rotations: [],
  instances: [instance()],
  decisions: [],
  ...changes,
});
const judge = (view: SecretView, options: Partial<SafeToRotateOptions> = {}) => {
  const verdict = safeToRotate(view, { now: NOW, ...options });
  return verdict.safe ? "safe" : verdict.reasons;
};
const { verdict: _, ...undecided } = rotation();
const { checkedAt: _checkedAt, ...unchecked } = rotation();

test("is safe when the credential is good and every instance is on it", () => {
  expect(judge(secret())).toBe("safe");
});

test.each<{ name: string; view: Partial<SecretView>; reason: object }>([
  {
    name: "an instance is still on an older version",
    view: { instances: [instance({ versionId: V1 })] },
    reason: { code: "instance-behind", instanceId: TASK, service: "orders-api", versionId: V1 },
  },
  {
    name: "an instance has not been heard of for longer than a day",
    view: { instances: [instance({ heardAt: ago(27 * HOUR_MS) })] },
    reason: { code: "instance-silent", instanceId: TASK, service: "orders-api", heardAt: ago(27 * HOUR_MS) },
  },
  {
    name: "there is no verdict yet",
    view: { current: undecided },
    reason: { code: "verdict-missing", versionId: V2 },
  },
  {
    name: "the credential was rejected",
    view: { current: rotation({ verdict: "rejected" }) },
    reason: { code: "credential-rejected", versionId: V2 },
  },
  {
    name: "the credential could not be tried",
    view: { current: rotation({ verdict: "unverifiable" }) },
    reason: { code: "credential-unverified", versionId: V2, verdict: "unverifiable" },
  },
  {
    name: "the deadline check has not counted yet who does not report",
    view: { current: unchecked },
    reason: { code: "adoption-not-checked", versionId: V2 },
  },
  {
    name: "services still wait for the deadline check to come back to them",
    view: { current: rotation({ deferredAtCheck: 2 }) },
    reason: { code: "adoption-not-checked", versionId: V2 },
  },
  {
    name: "tasks without a service were behind at the check, and never report",
    view: { current: rotation({ staleAtCheck: 0, unmanagedAtCheck: 2 }) },
    reason: { code: "tasks-behind", versionId: V2, tasks: 2 },
  },
  {
    name: "the check found tasks behind that nothing was decided about",
    view: { current: rotation({ staleAtCheck: 2 }) },
    reason: { code: "tasks-behind", versionId: V2, tasks: 2 },
  },
  {
    name: "nobody told for an hour how a redeploy's deployment ended",
    view: { decisions: [decision({ decision: "redeploy", decidedAt: ago(2 * HOUR_MS) })] },
    reason: { code: "service-behind", serviceArn: "legacy-api", decision: "deployment-unknown" },
  },
  {
    name: "nobody told for an hour how a deployment ended that somebody else began",
    view: { decisions: [decision({ decision: "deployment-in-progress", decidedAt: ago(2 * HOUR_MS) })] },
    reason: { code: "service-behind", serviceArn: "legacy-api", decision: "deployment-unknown" },
  },
  {
    name: "a redeploy was claimed an hour ago, and never finished",
    view: { decisions: [decision({ claimedAt: ago(2 * HOUR_MS) })] },
    reason: { code: "service-behind", serviceArn: "legacy-api", decision: "deployment-unknown" },
  },
  {
    name: "a service was about to be left alone, and that was never finished",
    view: { decisions: [decision({ intent: "secret-pinned" })] },
    reason: { code: "service-behind", serviceArn: "legacy-api", decision: "secret-pinned" },
  },
  {
    name: "a redeploy was claimed and not finished",
    view: { decisions: [decision()] },
    reason: { code: "redeploy-under-way", serviceArn: "legacy-api" },
  },
  {
    name: "a redeploy's deployment has not ended",
    view: { decisions: [decision({ decision: "redeploy", decidedAt: ago(60_000), deploymentId: "d" })] },
    reason: { code: "redeploy-under-way", serviceArn: "legacy-api" },
  },
  {
    name: "a deployment that somebody else began has not ended",
    view: { decisions: [decision({ decision: "deployment-in-progress", decidedAt: ago(60_000) })] },
    reason: { code: "redeploy-under-way", serviceArn: "legacy-api" },
  },
  {
    name: "a redeploy failed",
    view: {
      decisions: [decision({ decision: "redeploy", decidedAt: ago(60_000), deploymentOutcome: "failed" })],
    },
    reason: { code: "service-behind", serviceArn: "legacy-api", decision: "deployment-failed" },
  },
  {
    name: "a service that is behind was left alone",
    view: { decisions: [decision({ intent: "secret-pinned", decision: "secret-pinned" })] },
    reason: { code: "service-behind", serviceArn: "legacy-api", decision: "secret-pinned" },
  },
])("is not safe when $name", ({ view, reason }) => {
  expect(judge(secret(view))).toEqual([reason]);
});

test.each<{ name: string; changes: Partial<DecisionRecord> }>([
  { name: "whose deployment completed", changes: { decision: "redeploy", deploymentOutcome: "completed" } },
  {
    name: "that somebody else had begun, and that completed",
    changes: { decision: "deployment-in-progress", deploymentOutcome: "completed" },
  },
  { name: "that a crash left, and that was not needed any more", changes: { decision: "no-longer-behind" } },
  { name: "of an earlier rotation", changes: { currentSince: ago(24 * HOUR_MS) } },
])("lets a redeploy $name pass", ({ changes }) => {
  expect(judge(secret({ decisions: [decision(changes)] }))).toBe("safe");
});

test("lets what was decided about a service pass once a later check finds no service behind", () => {
  const unknown = decision({ decision: "redeploy", decidedAt: ago(2 * HOUR_MS) });
  const checkedAfter = (ms: number, staleAtCheck: number) =>
    judge(secret({ current: rotation({ checkedAt: ago(ms), staleAtCheck }), decisions: [unknown] }));
  expect(checkedAfter(HOUR_MS, 0)).toBe("safe");
  expect(checkedAfter(HOUR_MS, 1)).toMatchObject([{ code: "service-behind" }]);
  expect(checkedAfter(3 * HOUR_MS, 0)).toMatchObject([{ code: "service-behind" }]);
});

test("is not safe when Secrets Manager has a version that the ledger does not know", () => {
  expect(judge(secret({ instances: [] }), { currentVersionId: V1 })).toEqual([
    { code: "rotation-not-known", versionId: V1 },
  ]);
});

test("judges a secret that was never rotated by the version that is given, and by its instances", () => {
  const { current: _none, ...view } = secret({ instances: [instance({ versionId: V1 })] });
  expect(judge(view)).toEqual([{ code: "rotation-not-known" }]);
  expect(judge(view, { currentVersionId: V1 })).toBe("safe");
  expect(judge(view, { currentVersionId: V2 })).toMatchObject([{ code: "instance-behind" }]);
});

const before = new Date(Date.parse(ROTATED_AT) - 1);
const after = new Date(Date.parse(ROTATED_AT) + 1);

test("leaves out a task that has ended, where ECS tells which run", () => {
  const view = secret({ instances: [instance({ versionId: V1 }), instance({ instanceId: "host:42" })] });
  expect(judge(view, { tasks: [] })).toBe("safe");
});

test("needs no deadline check where ECS tells which tasks run", () => {
  expect(judge(secret({ current: unchecked }), { tasks: [] })).toBe("safe");
  expect(judge(secret({ current: rotation({ unmanagedAtCheck: 2 }) }), { tasks: [] })).toBe("safe");
});

test("counts a task that never reports by its start, where ECS tells which run", () => {
  const view = secret({ instances: [] });
  expect(judge(view, { tasks: [{ taskArn: TASK, createdAt: before }] })).toEqual([
    { code: "instance-behind", instanceId: TASK },
  ]);
  expect(judge(view, { tasks: [{ taskArn: TASK, createdAt: after }] })).toBe("safe");
});

test("judges a service that was left alone by its tasks, where ECS tells which run", () => {
  const left = decision({ intent: "secret-pinned", decision: "secret-pinned" });
  expect(judge(secret({ instances: [], decisions: [left] }), { tasks: [] })).toBe("safe");
});
