import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { InstanceRecord, Ledger } from "../../shared/aws/ledger.ts";
import type { DomainEvent } from "../../shared/contract/domain-event.ts";
import type { Report } from "../../shared/contract/report.ts";
import type { DatedReport } from "./redate-report.ts";

export interface AcknowledgePorts {
  readonly ledger: Pick<
    Ledger,
    "readCurrentSince" | "readInstance" | "recordSecret" | "recordReport" | "recordHeard"
  >;
  readonly bus: EventBus;
}

export type AcknowledgeOutcome = "recorded" | "repeated" | "late";

/**
 * Records which instance runs on which version. What an instance says twice only shows that it lives; what comes after
 * a newer report goes to the history, and does not take the instance back.
 */
export function createAcknowledge({ ledger, bus }: AcknowledgePorts) {
  return async (report: DatedReport): Promise<AcknowledgeOutcome> => {
    // First, so that no crash leaves an instance of which nobody learns. Repeated ones too: an instance may live for months
    // without another thing to say, and the secret's row lives by its reports as the instance's does.
    await ledger.recordSecret(report.secretArn);
    const known = await ledger.readInstance(report.secretArn, report.instanceId);
    const order = compareToKnown(report, known);
    if (order === "repeated") {
      await ledger.recordHeard(report.secretArn, report.instanceId);
      return "repeated";
    }
    const currentSince = report.currentSince ?? (await sinceLedger(report, known));
    if (order === "newer") await bus.publish(describeReport(report, currentSince));
    await ledger.recordReport(report, currentSince);
    return order === "newer" ? "recorded" : "late";
  };

  /** Where the instance ran on another version since, the time is that of an earlier move, and says nothing of this one. */
  async function sinceLedger(report: Report, known: InstanceRecord | undefined): Promise<string | undefined> {
    const since = await ledger.readCurrentSince(report.secretArn, report.versionId);
    const isEarlierMove =
      since !== undefined &&
      known?.swappedAt !== undefined &&
      known.versionId !== report.versionId &&
      Date.parse(known.swappedAt) > Date.parse(since);
    return isEarlierMove ? undefined : since;
  }
}

/** Reports of one instance are ordered by when they say it happened, each outcome for itself. */
export function compareToKnown(
  report: DatedReport,
  known: InstanceRecord | undefined,
): "newer" | "repeated" | "late" {
  const [last, versionId] =
    report.outcome === "swapped"
      ? [known?.swappedAt, known?.versionId]
      : [known?.rejectedAt, known?.rejectedVersionId];
  if (last === undefined) return "newer";
  // A copy of it arrived at another time, and only what it says shows that it is one.
  if (report.isRedated && report.versionId === versionId) return "repeated";
  const laterMs = Date.parse(report.occurredAt) - Date.parse(last);
  if (laterMs === 0) return "repeated";
  return laterMs > 0 ? "newer" : "late";
}

/** The domain event that tells of a report. An instance that just started adopted nothing, so it has no adoption time. */
export function describeReport(report: Report, currentSince: string | undefined): DomainEvent {
  const { secretArn, versionId, occurredAt, instanceId, service, timings, trigger } = report;
  const base = { v: 1, secretArn, versionId, occurredAt, instanceId, service } as const;
  if (report.outcome === "rejected") {
    const { code, message } = report.reason ?? { code: "unknown", message: "The instance gave no reason" };
    return { type: "InstanceRejected", detail: { ...base, code, reason: message } };
  }
  const adopted = trigger !== "start" && currentSince !== undefined;
  return {
    type: "InstanceSwapped",
    detail: {
      ...base,
      timings,
      // Clocks differ between machines by a little: a swap cannot come before its rotation.
      ...(adopted && { adoptionMs: Math.max(0, Date.parse(occurredAt) - Date.parse(currentSince)) }),
    },
  };
}
