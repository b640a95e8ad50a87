import type { Ledger } from "../../shared/aws/ledger.ts";
import type { DomainEvent } from "../../shared/contract/domain-event.ts";
import type { RotationAttempt } from "../../shared/contract/rotation-attempt.ts";
import type { Measurement, PublishMeasurements } from "../../shared/lambda/secret-metrics.ts";
import type { MetricProperties } from "../../shared/lambda/telemetry.ts";

export interface MeasurePorts {
  readonly ledger: Pick<Ledger, "claimMeasurement">;
  readonly publish: PublishMeasurements;
  readonly now: () => Date;
}

export interface MeasureAttemptPorts extends MeasurePorts {
  /** Whether the secret is one that is followed; false too for one that is gone. */
  readonly isWatched: (secretArn: string) => Promise<boolean>;
}

export type MeasureOutcome = "measured" | "already-measured";
export type MeasureAttemptOutcome = MeasureOutcome | "not-watched";

/**
 * Turns domain events into metrics, each step of a rotation once. Here the claim comes first, since counting twice
 * would falsify every sum. It is the message's: after a crash before the metrics were written, the same message
 * finds its own claim and is measured again.
 *
 * @returns a function of the event and the message's id
 */
export function createMeasure({ ledger, publish, now }: MeasurePorts) {
  return async (event: DomainEvent, claimant: string): Promise<MeasureOutcome> => {
    if (!(await ledger.claimMeasurement(event.detail.secretArn, measurementKey(event), claimant, now())))
      return "already-measured";
    publish(event.detail.secretArn, planMeasurements(event), propertiesOf(event));
    return "measured";
  };
}

/**
 * Counts rotations that failed, were abandoned, or were tried out, each event once, however often it is delivered. The rule
 * knows names alone: what is left out by its tags is left out here, so that no alarm rings for the secrets of others.
 *
 * @returns a function of the event and the message's id
 */
export function createMeasureAttempt({ ledger, publish, now, isWatched }: MeasureAttemptPorts) {
  return async (
    { type, secretArn, eventId }: RotationAttempt,
    claimant: string,
  ): Promise<MeasureAttemptOutcome> => {
    if (!(await isWatched(secretArn))) return "not-watched";
    if (!(await ledger.claimMeasurement(secretArn, `${type}#${eventId}`, claimant, now())))
      return "already-measured";
    publish(secretArn, [{ name: type, value: 1 }], {});
    return "measured";
  };
}

/** What makes two events tell of the same step: rotation and type, and whom it is about. */
function measurementKey(event: DomainEvent): string {
  const { type, detail } = event;
  // An instance may come to a version more than once; its own time of that is in each of its reports.
  const move = "currentSince" in detail ? detail.currentSince : detail.occurredAt;
  return [detail.versionId, move, type, subjectOf(event)].join("#");
}

function subjectOf({ type, detail }: DomainEvent): string {
  if (type === "RotationSeenAgain") return detail.detectedBy;
  if (type === "RedeployDeferred") return `${detail.claimant}#${detail.round}`;
  if ("instanceId" in detail) return detail.instanceId;
  return "serviceArn" in detail ? detail.serviceArn : "";
}

function propertiesOf({ detail }: DomainEvent): MetricProperties {
  return {
    versionId: detail.versionId,
    ...("instanceId" in detail && { instanceId: detail.instanceId }),
    ...("serviceArn" in detail && { serviceArn: detail.serviceArn }),
  };
}

export function planMeasurements({ type, detail }: DomainEvent): Measurement[] {
  switch (type) {
    case "RotationNoticed":
      return [
        { name: "RotationNoticed", value: 1 },
        { name: "NoticeLatency", value: detail.noticeLatencyMs },
      ];
    case "RotationSeenAgain":
      return [{ name: "DuplicateSource", value: 1 }];
    case "RotationMissed":
      return [{ name: "RotationMissed", value: 1 }];
    case "InstanceSilent":
      return [{ name: "InstanceSilent", value: 1 }];
    case "CredentialVerified":
      return [
        { name: "CredentialVerified", value: 1 },
        { name: "VerifyDuration", value: detail.verifyMs },
      ];
    case "CredentialRejected":
      return [{ name: "CredentialRejected", value: 1 }];
    case "CredentialUnverifiable":
      return [{ name: "CredentialUnverifiable", value: 1 }];
    case "CredentialUnreachable":
      return [{ name: "CredentialUnreachable", value: 1 }];
    case "CredentialRestored":
      return [{ name: "CredentialRestored", value: 1 }];
    case "InstanceSwapped": {
      const swapped: Measurement = { name: "InstanceSwapped", value: 1 };
      return detail.adoptionMs === undefined
        ? [swapped]
        : [swapped, { name: "AdoptionLatency", value: detail.adoptionMs }];
    }
    case "InstanceRejected":
      return [{ name: "InstanceRejected", value: 1 }];
    case "AdoptionChecked":
      return [{ name: "StaleInstances", value: detail.stale }];
    case "ServiceRedeployed":
    case "RedeployPlanned":
      return [{ name: type, value: 1 }, ...pinOf(detail.pinned)];
    case "RedeployWithheld":
      return [{ name: type, value: 1 }, ...pinOf(detail.pinned ?? detail.reason === "secret-pinned")];
    case "RedeployDeferred":
      return [{ name: "RedeployDeferred", value: detail.deferred }];
    case "RedeployCompleted": {
      const completed: Measurement = { name: "RedeployCompleted", value: 1 };
      return detail.durationMs === undefined
        ? [completed]
        : [completed, { name: "RedeployDuration", value: detail.durationMs }];
    }
    case "RedeployFailed":
      return [{ name: "RedeployFailed", value: 1 }];
    case "StaleUnmanaged":
      return [{ name: "StaleUnmanaged", value: detail.instances }];
  }
}

/** A pin of all that a service starts with, or of a part: no deployment mends either. */
function pinOf(isPinned: boolean | undefined): Measurement[] {
  return isPinned ? [{ name: "SecretPinned", value: 1 }] : [];
}
