import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger, RotationRecord, Verdict } from "../../shared/aws/ledger.ts";
import type { Secrets } from "../../shared/aws/secrets.ts";
import type { DomainEvent } from "../../shared/contract/domain-event.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import type { LoginOutcome, LoginProbe } from "../../shared/engines/login-probe.ts";
import { findCurrentRotation } from "../../shared/rotation/current-rotation.ts";

export interface VerifyPorts {
  readonly secrets: Secrets;
  readonly ledger: Pick<Ledger, "openRotation" | "recordVerdict">;
  readonly probe: LoginProbe;
  readonly bus: EventBus;
  readonly now: () => Date;
}

export type VerifyOutcome = Verdict | "superseded" | "already-decided";

const NO_TEXT: LoginOutcome = { verdict: "unverifiable", reason: "The secret holds bytes, not text" };

/** Logs in to the store with the new credential and records the verdict that gates every redeploy. */
export function createVerify(ports: VerifyPorts) {
  const { secrets, ledger, probe, bus, now } = ports;
  return async (event: RotationEvent): Promise<VerifyOutcome> => {
    const current = await findCurrentRotation(event, ports);
    if (!current) return "superseded";
    const rotation = await ledger.openRotation(current);
    if (rotation.verdict) return "already-decided";

    const secret = await secrets.read(rotation.secretArn, rotation.versionId);
    const outcome = secret ? await probe.login(secret) : NO_TEXT;
    const decidedAt = now();
    // The event first: the alarm on a rejected credential must not be lost to a crash after the record.
    await bus.publish(describeVerdict(rotation, outcome, decidedAt.toISOString()));
    const reason = outcome.verdict === "accepted" ? undefined : outcome.reason;
    await ledger.recordVerdict(rotation, outcome.verdict, decidedAt, reason);
    return outcome.verdict;
  };
}

/** The domain event that tells of a login's outcome. */
function describeVerdict(
  { secretArn, versionId, currentSince }: RotationRecord,
  outcome: LoginOutcome,
  occurredAt: string,
): DomainEvent {
  const base = { v: 1, secretArn, versionId, currentSince, occurredAt } as const;
  switch (outcome.verdict) {
    case "accepted":
      return { type: "CredentialVerified", detail: { ...base, verifyMs: outcome.loginMs } };
    case "rejected":
      return { type: "CredentialRejected", detail: { ...base, code: outcome.code, reason: outcome.reason } };
    case "unverifiable":
      return { type: "CredentialUnverifiable", detail: { ...base, reason: outcome.reason } };
  }
}
