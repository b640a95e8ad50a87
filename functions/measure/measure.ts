import type { Ledger } from "../../shared/aws/ledger.ts";
import type { DomainEvent } from "../../shared/contract/domain-event.ts";
import type { MetricName } from "../../shared/lambda/telemetry.ts";

export interface Measurement {
  readonly name: MetricName;
  readonly value: number;
}

export interface MeasurePorts {
  readonly ledger: Pick<Ledger, "claimMeasurement">;
  readonly emit: (measurement: Measurement) => void;
  readonly now: () => Date;
}

export type MeasureOutcome = "measured" | "already-measured";

/**
 * Turns domain events into metrics, each step of a rotation once. Here the claim comes first, since counting twice
 * would falsify every sum. It is the message's: after a crash before the metrics were written, the same message
 * finds its own claim and is measured again.
 *
 * @returns a function of the event and the message's id
 */
export function createMeasure({ ledger, emit, now }: MeasurePorts) {
  return async (event: DomainEvent, claimant: string): Promise<MeasureOutcome> => {
    if (!(await ledger.claimMeasurement(event.detail.secretArn, measurementKey(event), claimant, now())))
      return "already-measured";
    for (const measurement of planMeasurements(event)) emit(measurement);
    return "measured";
  };
}

/** What makes two events tell of the same step: rotation and type, and whom it is about. */
function measurementKey({ type, detail }: DomainEvent): string {
  // An instance may come to a version more than once; its own time of that is in each of its reports.
  const move = "currentSince" in detail ? detail.currentSince : detail.occurredAt;
  const subject =
    "instanceId" in detail ? detail.instanceId : "serviceArn" in detail ? detail.serviceArn : "";
  return [detail.versionId, move, type, subject].join("#");
}

export function planMeasurements({ type, detail }: DomainEvent): Measurement[] {
  switch (type) {
    case "RotationNoticed":
      return [
        { name: "RotationNoticed", value: 1 },
        { name: "NoticeLatency", value: detail.noticeLatencyMs },
      ];
    case "CredentialVerified":
      return [
        { name: "CredentialVerified", value: 1 },
        { name: "VerifyDuration", value: detail.verifyMs },
      ];
    case "CredentialRejected":
      return [{ name: "CredentialRejected", value: 1 }];
    case "CredentialUnverifiable":
      return [{ name: "CredentialUnverifiable", value: 1 }];
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
      return [{ name: "ServiceRedeployed", value: 1 }];
    case "RedeployWithheld":
      return [{ name: "RedeployWithheld", value: 1 }];
  }
}
