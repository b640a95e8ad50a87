import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger, RotationRecord, Verdict } from "../../shared/aws/ledger.ts";
import type { SecretFacts, Secrets } from "../../shared/aws/secrets.ts";
import type { DomainEvent } from "../../shared/contract/domain-event.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import type { LoginOutcome, LoginProbe } from "../../shared/engines/login-probe.ts";
import { findRotation } from "../../shared/rotation/current-rotation.ts";
import type { RestoreOutcome, RestorePrevious } from "./restore-previous.ts";
import { findStorePlace, type StorePlaceOutcome, type StorePlacePorts } from "./store-place.ts";
import { type TryLoginPorts, tryLogin, type Unreachable } from "./try-login.ts";

export interface VerifyPorts extends StorePlacePorts, TryLoginPorts {
  readonly secrets: Secrets;
  readonly ledger: Pick<Ledger, "openRotation" | "recordVerdict">;
  readonly probe: LoginProbe;
  readonly bus: EventBus;
  /** Deliveries of a message, the last of which leaves a verdict in any case. */
  readonly maxReceiveCount: number;
  /** Absent unless AWSCURRENT is to be moved back from a version that the store refuses. */
  readonly restorePrevious?: RestorePrevious | undefined;
}

/** One delivery of a message by SQS. */
export interface Delivery {
  readonly messageId: string;
  /** How often it was delivered, this time included. */
  readonly receiveCount: number;
}

export type VerifyOutcome = Verdict | "superseded" | "not-watched" | "already-decided" | RestoreOutcome;

const NO_TEXT: LoginOutcome = {
  verdict: "unverifiable",
  reason: "The secret holds bytes, not text, or is not kept in Secrets Manager",
};

/**
 * Logs in to the store with the new credential and records the verdict that gates every redeploy.
 *
 * @returns a function that throws DependencyError where the store cannot be asked, so that SQS delivers the message
 * again; after the last delivery the verdict is "unreachable", and the message goes to the dead-letter queue
 */
export function createVerify(ports: VerifyPorts) {
  const { secrets, ledger, bus, now, restorePrevious } = ports;

  return async (event: RotationEvent, delivery: Delivery): Promise<VerifyOutcome> => {
    const { describe, lastSeen } = remember(secrets);
    const current = await findRotation(event, { secrets: { describe }, now });
    if (typeof current === "string") return current;
    const rotation = await ledger.openRotation(current);
    if (rotation.supersededBy) return "superseded";
    if (rotation.verdict === "accepted") return "already-decided";
    if (rotation.verdict === "rejected") {
      return (await restorePrevious?.(rotation, delivery.messageId)) ?? "already-decided";
    }

    const tried = await tryOut(event, rotation, lastSeen());
    if ("over" in tried) return tried.over;
    const isLast = delivery.receiveCount >= ports.maxReceiveCount;
    const isNews = tried.verdict !== "unreachable" || (isLast && rotation.verdict !== "unreachable");
    if (isNews) await decide(rotation, tried);
    if (tried.verdict === "unreachable") throw tried.error;
    if (tried.verdict !== "rejected") return tried.verdict;
    return (await restorePrevious?.(rotation, delivery.messageId)) ?? "rejected";
  };

  async function tryOut(
    event: RotationEvent,
    { secretArn, versionId }: RotationRecord,
    facts: SecretFacts | undefined,
  ) {
    const secret = await secrets.read(secretArn, versionId);
    if (!secret) return NO_TEXT;
    let place: StorePlaceOutcome | undefined;
    const login = async (): Promise<LoginOutcome> => {
      place ??= await findStorePlace({ ...facts, secretArn }, ports);
      return "unverifiable" in place
        ? { verdict: "unverifiable", reason: place.unverifiable }
        : ports.probe.login(secret, place);
    };
    const stillCurrent = async () => {
      const found = await findRotation(event, ports);
      if (typeof found === "string") return found;
      return found.versionId === versionId ? undefined : "superseded";
    };
    return tryLogin(login, stillCurrent, ports);
  }

  async function decide(rotation: RotationRecord, outcome: LoginOutcome | Unreachable): Promise<void> {
    const decidedAt = now();
    const told = describeVerdict(rotation, outcome, decidedAt.toISOString());
    // The event first: the alarm on a rejected credential must not be lost to a crash after the record.
    await bus.publish(told);
    const reason = "reason" in told.detail ? told.detail.reason : undefined;
    await ledger.recordVerdict(rotation, outcome.verdict, decidedAt, reason);
  }
}

/** Keeps what Secrets Manager last said of the secret: its tags come with the answer to another question. */
function remember(secrets: Pick<Secrets, "describe">) {
  let facts: SecretFacts | undefined;
  const describe: Secrets["describe"] = async (secretId, isSettled) => {
    facts = await secrets.describe(secretId, isSettled);
    return facts;
  };
  return { describe, lastSeen: () => facts };
}

/** The domain event that tells of a login's outcome. */
function describeVerdict(
  { secretArn, versionId, currentSince }: RotationRecord,
  outcome: LoginOutcome | Unreachable,
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
    case "unreachable": {
      const { details, message: reason } = outcome.error;
      return {
        type: "CredentialUnreachable",
        detail: { ...base, code: String(details.code ?? "NO_ANSWER"), reason },
      };
    }
  }
}
