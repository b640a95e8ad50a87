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
 * Turns domain events into metrics, each step of a rotation once. Here the claim comes first: between it and
 * the emission lies no I/O, and counting twice would falsify every sum.
 */
export function createMeasure({ ledger, emit, now }: MeasurePorts) {
  return async (event: DomainEvent): Promise<MeasureOutcome> => {
    if (!(await ledger.claimMeasurement(event.detail.secretArn, measurementKey(event), now())))
      return "already-measured";
    for (const measurement of planMeasurements(event)) emit(measurement);
    return "measured";
  };
}

/** What makes two events tell of the same step: version and type, and whom it is about. */
export function measurementKey({ type, detail }: DomainEvent): string {
  const subject =
    "instanceId" in detail ? detail.instanceId : "serviceArn" in detail ? detail.serviceArn : "";
  return `${detail.versionId}#${type}#${subject}`;
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
