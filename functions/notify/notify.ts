import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger } from "../../shared/aws/ledger.ts";
import type { Notices } from "../../shared/aws/notices.ts";
import type { Secrets } from "../../shared/aws/secrets.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import { findCurrentRotation } from "../../shared/rotation/current-rotation.ts";

export interface NotifyPorts {
  readonly secrets: Pick<Secrets, "describe">;
  readonly ledger: Pick<Ledger, "readVersion" | "recordNotice">;
  readonly notices: Notices;
  readonly bus: EventBus;
  readonly now: () => Date;
}

export type NotifyOutcome = "noticed" | "superseded" | "already-noticed";

/**
 * Tells the running services of a rotation. Acts first and records after: a crash in between sends the notice
 * again, which costs a service one comparison; the other order could lose it.
 */
export function createNotify({ secrets, ledger, notices, bus, now }: NotifyPorts) {
  return async (event: RotationEvent): Promise<NotifyOutcome> => {
    const rotation = await findCurrentRotation(event, secrets);
    if (!rotation) return "superseded";
    const { secretArn, versionId, detectedBy } = rotation;
    const known = await ledger.readVersion(secretArn, versionId);
    if (known.noticedAt) return "already-noticed";

    const currentSince = rotation.currentSince.toISOString();
    const noticedAt = now();
    const at = noticedAt.toISOString();
    await notices.publish({
      v: 1,
      kind: "credential-rotated",
      secretArn,
      versionId,
      currentSince,
      noticedAt: at,
    });
    await bus.publish({
      type: "RotationNoticed",
      detail: {
        v: 1,
        secretArn,
        versionId,
        occurredAt: at,
        detectedBy,
        currentSince,
        noticeLatencyMs: Math.max(0, noticedAt.getTime() - rotation.currentSince.getTime()),
      },
    });
    await ledger.recordNotice(secretArn, versionId, currentSince, at);
    return "noticed";
  };
}
