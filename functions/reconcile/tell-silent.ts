import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { InstanceRecord, Ledger } from "../../shared/aws/ledger.ts";
import { lastHeardAt } from "../../shared/rotation/last-heard-at.ts";
import { findSilent } from "./plan-reconcile.ts";

export interface TellSilentPorts {
  readonly ledger: Pick<Ledger, "listInstances" | "markSilent">;
  readonly bus: EventBus;
  readonly now: () => Date;
  /** How long an instance may go without a report, in milliseconds. */
  readonly silentAfterMs: number;
}

/**
 * Marks the instances of a secret that fell silent, and tells of each once for each silence: its next report takes the
 * mark away. @returns their ids
 */
export function createTellSilent({ ledger, bus, now, silentAfterMs }: TellSilentPorts) {
  return async (secretArn: string): Promise<string[]> => {
    const told: string[] = [];
    for (const instance of findSilent(await ledger.listInstances(secretArn), now(), silentAfterMs)) {
      if (await tell(secretArn, instance)) told.push(instance.instanceId);
    }
    return told;
  };

  async function tell(secretArn: string, instance: InstanceRecord): Promise<boolean> {
    const { instanceId, service, versionId = instance.rejectedVersionId } = instance;
    const heardAt = lastHeardAt(instance);
    if (!heardAt || !versionId) return false;
    const silentSince = new Date(Date.parse(heardAt) + silentAfterMs).toISOString();
    const base = { v: 1, secretArn, versionId, instanceId, service } as const;
    // First, so that a crash tells again instead of never: it is the very same event, which measure counts once.
    const detail = { ...base, occurredAt: silentSince, lastHeardAt: heardAt };
    await bus.publish({ type: "InstanceSilent", detail });
    await ledger.markSilent(secretArn, instance, silentSince);
    return true;
  }
}
