import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger, Verdict } from "../../shared/aws/ledger.ts";
import type { Secrets } from "../../shared/aws/secrets.ts";
import type { DomainEvent } from "../../shared/contract/domain-event.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import type { LoginOutcome, LoginProbe } from "../../shared/engines/login-probe.ts";
import { type CurrentRotation, findCurrentRotation } from "../../shared/rotation/current-rotation.ts";

export interface VerifyPorts {
  readonly secrets: Secrets;
  readonly ledger: Pick<Ledger, "readVersion" | "recordVerdict">;
  readonly probe: LoginProbe;
  readonly bus: EventBus;
  readonly now: () => Date;
}

export type VerifyOutcome = Verdict | "superseded" | "already-decided";

/** Logs in to the store with the new credential and records the verdict that gates every redeploy. */
export function createVerify({ secrets, ledger, probe, bus, now }: VerifyPorts) {
  return async (event: RotationEvent): Promise<VerifyOutcome> => {
    const rotation = await findCurrentRotation(event, secrets);
    if (!rotation) return "superseded";
    const { secretArn, versionId } = rotation;
    const known = await ledger.readVersion(secretArn, versionId);
    if (known.verdict) return "already-decided";

    const outcome = await probe.login(await secrets.read(secretArn, versionId));
    const at = now().toISOString();
    // The event first: the alarm on a rejected credential must not be lost to a crash after the record.
    await bus.publish(describeVerdict(rotation, outcome, at));
    await ledger.recordVerdict(
      secretArn,
      versionId,
      outcome.verdict,
      at,
      outcome.verdict === "accepted" ? undefined : outcome.reason,
    );
    return outcome.verdict;
  };
}

/** The domain event that tells of a login's outcome. */
export function describeVerdict(
  { secretArn, versionId }: CurrentRotation,
  outcome: LoginOutcome,
  occurredAt: string,
): DomainEvent {
  const base = { v: 1, secretArn, versionId, occurredAt } as const;
  switch (outcome.verdict) {
    case "accepted":
      return { type: "CredentialVerified", detail: { ...base, verifyMs: outcome.loginMs } };
    case "rejected":
      return { type: "CredentialRejected", detail: { ...base, code: outcome.code, reason: outcome.reason } };
    case "unverifiable":
      return { type: "CredentialUnverifiable", detail: { ...base, reason: outcome.reason } };
  }
}
