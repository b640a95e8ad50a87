import type { EventBus } from "../../shared/aws/event-bus.ts";
import type { Ledger, RotationRecord, Verdict } from "../../shared/aws/ledger.ts";
import type { SecretFacts, Secrets } from "../../shared/aws/secrets.ts";
import type { DomainEvent } from "../../shared/contract/domain-event.ts";
import { DependencyError, InvalidMessageError } from "../../shared/contract/errors.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import type { LoginOutcome, LoginProbe } from "../../shared/engines/login-probe.ts";
import type { Redacted } from "../../shared/engines/redacted.ts";
import { findRotation } from "../../shared/rotation/current-rotation.ts";
import type { RestoreOutcome, RestorePrevious } from "./restore-previous.ts";
import { findStorePlace, type StorePlaceOutcome, type StorePlacePorts } from "./store-place.ts";
import { type TryLoginPorts, tryLogin, type Unreachable } from "./try-login.ts";

export interface VerifyPorts extends StorePlacePorts, TryLoginPorts {
  readonly secrets: Secrets;
  readonly ledger: Pick<Ledger, "openRotation" | "readCurrentSince" | "readRotation" | "recordVerdict">;
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
 * Logs in to the store with the new credential and records the verdict that gates every redeploy. "accepted" stands; with
 * any other verdict, a later message about the same rotation has the credential tried once more.
 *
 * @returns a function that throws DependencyError where the store cannot be asked, so that SQS delivers the message
 * again; after the last delivery the verdict is "unreachable", and the message goes to the dead-letter queue. There is none
 * where Secrets Manager could not be asked in any delivery and no other function has opened the rotation either
 */
export function createVerify(ports: VerifyPorts) {
  const { secrets, ledger, bus, now, restorePrevious } = ports;

  return async (event: RotationEvent, delivery: Delivery): Promise<VerifyOutcome> => {
    const { describe, lastSeen } = remember(secrets);
    const current = await findRotation(event, { secrets: { describe }, now }).catch((cause: unknown) =>
      giveUp(cause, event, delivery),
    );
    if (current === "superseded") return finishRestore(event, lastSeen(), delivery);
    if (current === "not-watched") return current;
    const rotation = await ledger.openRotation(current);
    if (rotation.supersededBy) return "superseded";
    if (rotation.verdict === "accepted") return "already-decided";

    const tried = await tryOut(event, rotation, lastSeen());
    if ("over" in tried) return tried.over;
    // The login took its time: what others have told and decided meanwhile counts.
    const known = await ledger.openRotation(current);
    if (known.supersededBy || known.currentSince !== rotation.currentSince) return "superseded";
    if (known.verdict === "accepted") return "already-decided";
    if (tried.verdict === "unreachable" && !isLast(delivery)) throw tried.error;
    const stands = await decide(known, tried, event);
    if (tried.verdict === "unreachable") throw tried.error;
    if (!stands) return "already-decided";
    if (tried.verdict !== "rejected") return tried.verdict;
    return (await restorePrevious?.restore(known, delivery.messageId)) ?? "rejected";
  };

  function isLast({ receiveCount }: Delivery): boolean {
    return receiveCount >= ports.maxReceiveCount;
  }

  /** The last delivery leaves a verdict also where nobody could say what is current, if the rotation is known from others. */
  async function giveUp(cause: unknown, event: RotationEvent, delivery: Delivery): Promise<never> {
    const { secretArn, versionId } = event;
    if (cause instanceof InvalidMessageError || !versionId || !isLast(delivery)) throw cause;
    const currentSince = await ledger.readCurrentSince(secretArn, versionId);
    const rotation = currentSince && (await ledger.readRotation({ secretArn, versionId, currentSince }));
    if (rotation && rotation.verdict !== "accepted") {
      const error = unanswered(cause, "Secrets Manager cannot be asked");
      await decide(rotation, { verdict: "unreachable", error }, event);
    }
    throw cause;
  }

  /** A version that is current no more may be so since AWSCURRENT was moved back from it, by this message before a crash. */
  async function finishRestore(
    event: RotationEvent,
    facts: SecretFacts | undefined,
    { messageId }: Delivery,
  ) {
    const versionId = event.versionId ?? facts?.previousVersionId;
    if (!restorePrevious || !facts || !versionId) return "superseded";
    return restorePrevious.finish(facts.secretArn, versionId, messageId);
  }

  async function tryOut(
    event: RotationEvent,
    { secretArn, versionId, verdict }: RotationRecord,
    facts: SecretFacts | undefined,
  ) {
    // Each sign of a refused version, and each delivery after the refusal, would else be a series of failed logins.
    const propagationAllowanceMs = verdict === "rejected" ? 0 : ports.propagationAllowanceMs;
    let secret: Redacted | undefined;
    let place: StorePlaceOutcome | undefined;
    const login = async (): Promise<LoginOutcome> => {
      secret ??= await secrets.read(secretArn, versionId).catch((cause: unknown) => {
        throw unanswered(cause, "The secret cannot be read");
      });
      if (!secret) return NO_TEXT;
      place ??= await findStorePlace({ ...facts, secretArn }, ports);
      return "unverifiable" in place
        ? { verdict: "unverifiable", reason: place.unverifiable }
        : ports.probe.login(secret, place);
    };
    const stillCurrent = async () => {
      const found = await findRotation(event, ports).catch((cause: unknown) => {
        throw unanswered(cause, "Secrets Manager cannot be asked");
      });
      if (typeof found === "string") return found;
      return found.versionId === versionId ? undefined : "superseded";
    };
    return tryLogin(login, stillCurrent, { ...ports, propagationAllowanceMs });
  }

  /** @returns whether the verdict stands: what another message has seen meanwhile may prove more */
  async function decide(
    rotation: RotationRecord,
    outcome: LoginOutcome | Unreachable,
    event: RotationEvent,
  ): Promise<boolean> {
    const { verdict } = outcome;
    // A login that was refused proves more than one that could not be made.
    if (rotation.verdict === "rejected" && verdict !== "accepted") return verdict === "rejected";
    const decidedAt = now();
    const told = describeVerdict(rotation, outcome, event, decidedAt.toISOString());
    // The event first: the alarm on a rejected credential must not be lost to a crash after the record.
    if (verdict !== rotation.verdict) await bus.publish(told);
    const reason = "reason" in told.detail ? told.detail.reason : undefined;
    return ledger.recordVerdict(rotation, verdict, decidedAt, reason);
  }
}

/** A key's policy that leaves the function out, for one, must not leave the rotation without a verdict for ever. */
function unanswered(cause: unknown, what: string): DependencyError {
  if (cause instanceof DependencyError) return cause;
  const { message, name: code } = cause instanceof Error ? cause : new Error(String(cause));
  return new DependencyError(`${what}: ${message}`, { cause, details: { code } });
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
  { secretArn, versionId, currentSince, verdict: previousVerdict }: RotationRecord,
  outcome: LoginOutcome | Unreachable,
  { source: detectedBy, occurredAt: toldAt }: RotationEvent,
  occurredAt: string,
): DomainEvent {
  const base = { v: 1, secretArn, versionId, currentSince, occurredAt } as const;
  switch (outcome.verdict) {
    case "accepted": {
      const verified = { ...base, verifyMs: outcome.loginMs };
      // With these, redeploy looks again at what it withheld for the verdict before.
      const again = previousVerdict &&
        previousVerdict !== "accepted" && { previousVerdict, detectedBy, toldAt };
      return { type: "CredentialVerified", detail: { ...verified, ...again } };
    }
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
