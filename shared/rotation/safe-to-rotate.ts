import type { DecisionRecord, InstanceRecord, RotationView, SecretView } from "../aws/ledger.ts";
import {
  awaitsDeployment,
  DEPLOYMENT_TOLD_WITHIN_MS,
  hasFollowedSince,
  whenDecided,
} from "./awaited-deployment.ts";

/** A task that uses the secret, as ECS tells. */
export interface TaskFact {
  readonly taskArn: string;
  readonly createdAt: Date;
}

export interface SafeToRotateOptions {
  readonly now: Date;
  /** The version that carries AWSCURRENT, from Secrets Manager; what the ledger knows as the newest, unless given. */
  readonly currentVersionId?: string;
  /**
   * Every task that runs and uses the secret, standalone ones too. With them, tasks that have ended count no more, tasks
   * that never report count, and a service that was withheld is judged by its tasks. Without, the ledger alone is asked,
   * and it knows of tasks that never report by the deadline check alone.
   */
  readonly tasks?: readonly TaskFact[];
  /** How long an instance may go without a report, in milliseconds; 26 hours unless given: IoT Core ends each connection within 24. */
  readonly silentAfterMs?: number;
  /**
   * How long a redeploy whose end nobody told of counts as under way, in milliseconds; one hour unless given. After that
   * nobody knows what became of it, and it counts as behind, until a later check finds no service behind. Reconcile has one
   * look again after an hour.
   */
  readonly redeployTimeoutMs?: number;
}

/** Why the next rotation could cut an instance off, or hide what went wrong with the last. */
export type UnsafeReason =
  /** The version is current, and Keyturn has not handled its rotation yet; or it knows of no version at all. */
  | { readonly code: "rotation-not-known"; readonly versionId?: string }
  | { readonly code: "verdict-missing"; readonly versionId: string }
  | { readonly code: "credential-rejected"; readonly versionId: string }
  | { readonly code: "credential-unverified"; readonly versionId: string; readonly verdict: string }
  /** The deadline check has not looked yet, or services still wait for it: who does not report is known to nobody. */
  | { readonly code: "adoption-not-checked"; readonly versionId: string }
  | {
      readonly code: "instance-behind";
      readonly instanceId: string;
      readonly service?: string;
      /** Absent where the instance never said. */
      readonly versionId?: string;
    }
  | {
      readonly code: "instance-silent";
      readonly instanceId: string;
      readonly service: string;
      readonly heardAt?: string;
    }
  /** At the newest deadline check tasks were behind that never report, and that no decision is about: standalone ones. */
  | { readonly code: "tasks-behind"; readonly versionId: string; readonly tasks: number }
  | { readonly code: "redeploy-under-way"; readonly serviceArn: string }
  | { readonly code: "service-behind"; readonly serviceArn: string; readonly decision: string };

export type SafeToRotate =
  | { readonly safe: true }
  | { readonly safe: false; readonly reasons: readonly UnsafeReason[] };

const HOUR_MS = 3_600_000;
const TASK_ARN = /^arn:aws[\w-]*:ecs:[\w-]+:\d{12}:task\//;

/**
 * Whether a secret may be rotated again. With alternating users the next rotation changes the password that instances on
 * the version before still log in with; with a single user it leaves behind whoever did not follow the last one.
 *
 * A secret that was never rotated while Keyturn watched is safe where `currentVersionId` is given and no instance says otherwise.
 *
 * @example
 * const verdict = safeToRotate(await ledger.readSecret(secretArn), { now: new Date() });
 * if (!verdict.safe) console.error(verdict.reasons.map(({ code }) => code));
 */
export function safeToRotate(secret: SecretView, options: SafeToRotateOptions): SafeToRotate {
  const expected = options.currentVersionId ?? secret.current?.versionId;
  const reasons =
    expected === undefined
      ? [{ code: "rotation-not-known" } as const]
      : [
          ...unsettledRotation(secret, expected),
          ...checkedAdoption(secret, expected, options),
          ...instancesNotOn(expected, secret, options),
          ...servicesNotOn(secret, options),
        ];
  return reasons.length === 0 ? { safe: true } : { safe: false, reasons };
}

function unsettledRotation({ current }: SecretView, versionId: string): UnsafeReason[] {
  if (!current) return [];
  if (current.versionId !== versionId) return [{ code: "rotation-not-known", versionId }];
  const { verdict } = current;
  switch (verdict) {
    case "accepted":
      return [];
    case "rejected":
      return [{ code: "credential-rejected", versionId }];
    case undefined:
      return [{ code: "verdict-missing", versionId }];
    default:
      return [{ code: "credential-unverified", versionId, verdict }];
  }
}

/** What the deadline check says of tasks that never report. */
function checkedAdoption(
  secret: SecretView,
  versionId: string,
  { tasks: known }: SafeToRotateOptions,
): UnsafeReason[] {
  const { current } = secret;
  if (known || current?.versionId !== versionId) return [];
  const { checkedAt, staleAtCheck = 0, deferredAtCheck = 0, unmanagedAtCheck = 0 } = current;
  if (checkedAt === undefined || deferredAtCheck > 0) return [{ code: "adoption-not-checked", versionId }];
  // Those of services are judged by what was decided about them.
  const tasks = unmanagedAtCheck + (decisionsOnCurrent(secret).length === 0 ? staleAtCheck : 0);
  return tasks > 0 ? [{ code: "tasks-behind", versionId, tasks }] : [];
}

function instancesNotOn(
  expected: string,
  { instances, current }: SecretView,
  options: SafeToRotateOptions,
): UnsafeReason[] {
  const { now, tasks, silentAfterMs = 26 * HOUR_MS } = options;
  const running = tasks && new Set(tasks.map(({ taskArn }) => taskArn));
  const isGone = ({ instanceId }: InstanceRecord) =>
    running !== undefined && TASK_ARN.test(instanceId) && !running.has(instanceId);
  const isSilent = ({ heardAt }: InstanceRecord) =>
    heardAt === undefined || now.getTime() - Date.parse(heardAt) > silentAfterMs;

  const living = instances.filter((instance) => !isGone(instance));
  const known = new Set(living.map(({ instanceId }) => instanceId));
  return [
    ...living.flatMap((instance): UnsafeReason[] => {
      const { instanceId, service, versionId, heardAt } = instance;
      const who = { instanceId, service };
      return [
        ...(versionId === expected
          ? []
          : [{ code: "instance-behind", ...who, ...(versionId && { versionId }) } as const]),
        ...(isSilent(instance)
          ? [{ code: "instance-silent", ...who, ...(heardAt && { heardAt }) } as const]
          : []),
      ];
    }),
    // A task that never reports read the secret when it started.
    ...(tasks ?? [])
      .filter(({ taskArn, createdAt }) => !known.has(taskArn) && isBefore(createdAt, current))
      .map(({ taskArn }) => ({ code: "instance-behind", instanceId: taskArn }) as const),
  ];
}

function isBefore(createdAt: Date, current: RotationView | undefined): boolean {
  return current !== undefined && createdAt.getTime() < Date.parse(current.currentSince);
}

/** Of the newest rotation: what was decided for earlier ones has been overtaken. */
function decisionsOnCurrent({ current, decisions }: SecretView): DecisionRecord[] {
  return decisions.filter(
    ({ versionId, currentSince }) =>
      versionId === current?.versionId && currentSince === current.currentSince,
  );
}

function servicesNotOn(secret: SecretView, options: SafeToRotateOptions): UnsafeReason[] {
  return decisionsOnCurrent(secret).flatMap((record): UnsafeReason[] => {
    const { serviceArn } = record;
    if (isUnderWay(record, options)) return [{ code: "redeploy-under-way", serviceArn }];
    // With the tasks at hand, those that are behind have been counted one by one.
    if (options.tasks || hasFollowedSince(record, secret.current)) return [];
    const decision = whyBehind(record);
    return decision ? [{ code: "service-behind", serviceArn, decision }] : [];
  });
}

function isUnderWay(
  record: DecisionRecord,
  { now, redeployTimeoutMs = DEPLOYMENT_TOLD_WITHIN_MS }: SafeToRotateOptions,
): boolean {
  const ageMs = now.getTime() - Date.parse(whenDecided(record));
  return awaitsDeployment(record) && ageMs < redeployTimeoutMs;
}

function whyBehind(record: DecisionRecord): string | undefined {
  const { intent, decision = intent, deploymentOutcome } = record;
  if (deploymentOutcome === "failed") return "deployment-failed";
  // Whoever was about to deploy it crashed, and it followed without.
  if (deploymentOutcome === "completed" || decision === "no-longer-behind") return undefined;
  // ECS tells of no end of a deployment that a newer one took the place of, nor of one that goes on failing where no
  // circuit breaker ends it; and an end that came before the decision was recorded was taken for nobody's.
  return awaitsDeployment(record) ? "deployment-unknown" : decision;
}
