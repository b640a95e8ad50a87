import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { InstanceRecord, Ledger } from "../../shared/aws/ledger.ts";
import type { DomainEvent } from "../../shared/contract/domain-event.ts";
import type { Report } from "../../shared/contract/report.ts";

export interface AcknowledgePorts {
  readonly ledger: Pick<Ledger, "readCurrentSince" | "readInstance" | "recordReport">;
  readonly bus: EventBus;
}

export type AcknowledgeOutcome = "recorded" | "not-newer";

/** Records which instance runs on which version. What an instance says twice, or too late, changes nothing. */
export function createAcknowledge({ ledger, bus }: AcknowledgePorts) {
  return async (report: Report): Promise<AcknowledgeOutcome> => {
    const known = await ledger.readInstance(report.secretArn, report.instanceId);
    if (!isNewer(report, known)) return "not-newer";

    const currentSince = report.currentSince ?? (await sinceLedger(report, known));
    await bus.publish(describeReport(report, currentSince));
    await ledger.recordReport(report);
    return "recorded";
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
export function isNewer(report: Report, known: InstanceRecord | undefined): boolean {
  const last = report.outcome === "swapped" ? known?.swappedAt : known?.rejectedAt;
  return last === undefined || Date.parse(report.occurredAt) > Date.parse(last);
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
