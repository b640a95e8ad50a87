import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger } from "../../shared/aws/ledger.ts";
import type { Notices } from "../../shared/aws/notices.ts";
import type { Secrets } from "../../shared/aws/secrets.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import { findRotation } from "../../shared/rotation/current-rotation.ts";

export interface NotifyPorts {
  readonly secrets: Pick<Secrets, "describe">;
  readonly ledger: Pick<Ledger, "openRotation" | "recordNotice">;
  readonly notices: Notices;
  readonly bus: EventBus;
  readonly now: () => Date;
  /** W3C trace context of this invocation, for the services to go on with; undefined where it is not traced. */
  readonly traceparent?: () => string | undefined;
}

export type NotifyOutcome = "noticed" | "superseded" | "not-watched" | "already-noticed";

/**
 * Tells the running services of a rotation. Acts first and records after: a crash in between sends the notice
 * again, which costs a service one comparison; the other order could lose it.
 */
export function createNotify(ports: NotifyPorts) {
  const { ledger, notices, bus, now, traceparent: readTraceparent } = ports;
  return async (event: RotationEvent): Promise<NotifyOutcome> => {
    const current = await findRotation(event, ports);
    if (typeof current === "string") return current;
    const rotation = await ledger.openRotation(current);
    // Of what is kept elsewhere, the ledger alone knows the order.
    if (rotation.supersededBy) return "superseded";

    const { secretArn, versionId, currentSince } = rotation;
    const { detectedBy } = current;
    const noticedAt = now();
    const at = noticedAt.toISOString();
    const detail = { v: 1, secretArn, versionId, currentSince, occurredAt: at, detectedBy } as const;
    // Two signs that are handled at the same time may each send the notice; which source was first the ledger knows.
    const isAgain = detectedBy !== rotation.detectedBy;
    if (!rotation.noticedAt) {
      const traceparent = readTraceparent?.();
      await notices.publish({
        v: 1,
        kind: "credential-rotated",
        secretArn,
        versionId,
        currentSince,
        noticedAt: at,
        ...(traceparent !== undefined && { traceparent }),
      });
      const noticeLatencyMs = Math.max(0, noticedAt.getTime() - Date.parse(currentSince));
      await bus.publish({ type: "RotationNoticed", detail: { ...detail, noticeLatencyMs } });
      await ledger.recordNotice(rotation, noticedAt);
    }
    if (isAgain) await bus.publish({ type: "RotationSeenAgain", detail });
    return rotation.noticedAt ? "already-noticed" : "noticed";
  };
}
