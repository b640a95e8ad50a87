import type { SecretFacts, Secrets } from "../aws/secrets.ts";
import { DependencyError, InvalidMessageError } from "../contract/errors.ts";
import type { RotationEvent } from "../contract/rotation-event.ts";
import { kindOfSecret } from "../contract/secret-id.ts";

/** A rotation whose version is the current one, as of now. */
export interface CurrentRotation {
  readonly secretArn: string;
  readonly versionId: string;
  readonly detectedBy: RotationEvent["source"];
  /** When the version became current, as precisely as the event and the secret tell. */
  readonly currentSince: Date;
}

export interface CurrentRotationPorts {
  readonly secrets: Pick<Secrets, "describe">;
  readonly now: () => Date;
}

/** By this age of an event every read shows what it tells of. */
const SETTLED_AFTER_MS = 30_000;
const WHOLE_SECOND_MS = 1_000;
/** Sources whose events have the time of the move itself, in whole seconds. */
const PUNCTUAL: ReadonlySet<RotationEvent["source"]> = new Set([
  "label-updated",
  "put-secret-value",
  "update-secret",
  "update-version-stage",
]);
/** The rotation is reported as succeeded when its last step, which moves the label, is done. */
const SUCCEEDED_WITHIN_MS = 60_000;
/** How far a sender's clock may be ahead. A rotation from further ahead would make all that follow look like earlier ones. */
const CLOCK_ALLOWANCE_MS = 60_000;

/**
 * Compares what an event tells with what is so: "superseded" where another version is current by now, in which case
 * that version's own event does the work, or where the secret is gone; "not-watched" where the configuration leaves it out.
 *
 * Reads lag behind. A version that a read does not show as current may be so all the same: only a read that is no
 * older than the event, and shows AWSPREVIOUS, says that it was and is no longer. Else a fresh event is tried again.
 *
 * @throws DependencyError where it cannot be told yet
 * @throws InvalidMessageError where the event names no secret yet, or no version of a secret that is kept elsewhere
 */
export async function findRotation(
  told: RotationEvent,
  { secrets, now }: CurrentRotationPorts,
): Promise<CurrentRotation | "superseded" | "not-watched"> {
  const event = notAhead(told, now());
  const kind = kindOfSecret(event.secretArn);
  if (event.source === "credentials-reset" && !event.versionId) throw goesToReconcile(event);
  const isTold = kind === "parameter" || kind === "elsewhere";
  const ageMs = now().getTime() - Date.parse(event.occurredAt);
  // Asking again can bring another answer only as long as reads may lag behind.
  const isSettled = isTold || ageMs > SETTLED_AFTER_MS;
  const facts = await secrets.describe(
    event.secretArn,
    (seen) => isSettled || seen?.isWatched === false || isCurrent(event, seen) || isOver(event, seen),
  );
  if (facts?.isWatched === false) return "not-watched";
  if (isTold) return asTold(event, now());
  const versionId = facts?.currentVersionId;
  if (facts && versionId && isCurrent(event, facts)) {
    const { secretArn } = facts;
    return { secretArn, versionId, detectedBy: event.source, currentSince: currentSince(event, facts) };
  }
  if (isOver(event, facts) || isSettled) return "superseded";
  throw new DependencyError("The version cannot be seen as current yet; the message is repeated", {
    details: { secretArn: event.secretArn, versionId: event.versionId },
  });
}

/** What is told of the future has happened by now. */
function notAhead(event: RotationEvent, now: Date): RotationEvent {
  const isAhead = Date.parse(event.occurredAt) - now.getTime() > CLOCK_ALLOWANCE_MS;
  return isAhead ? { ...event, occurredAt: now.toISOString() } : event;
}

/** Of a secret that Secrets Manager does not keep, the event is all there is to know. */
function asTold(event: RotationEvent, now: Date): CurrentRotation {
  const { secretArn, versionId, source: detectedBy, occurredAt } = event;
  if (!versionId) throw goesToReconcile(event);
  // A sender whose clock is ahead must not make every later rotation look like an earlier one.
  const currentSince = new Date(Math.min(Date.parse(occurredAt), now.getTime()));
  return { secretArn, versionId, detectedBy, currentSince };
}

function goesToReconcile({ source }: RotationEvent): InvalidMessageError {
  return new InvalidMessageError(
    `An event of kind ${source} names no version; its rule belongs to the reconcile queue, which finds it`,
  );
}

/**
 * CloudTrail names no version. Its event is of the version that is current only where the secret's last change
 * was the one that it tells of: a later change may have been the next rotation, which has events of its own.
 */
function isCurrent(event: RotationEvent, facts: SecretFacts | undefined): boolean {
  if (facts?.currentVersionId === undefined) return false;
  if (event.versionId !== undefined) return event.versionId === facts.currentVersionId;
  const sinceChangeMs = -changedAfterMs(event, facts);
  return sinceChangeMs > -WHOLE_SECOND_MS && sinceChangeMs < SUCCEEDED_WITHIN_MS;
}

function isOver(event: RotationEvent, facts: SecretFacts | undefined): boolean {
  if (!facts) return false;
  if (event.versionId === undefined) return changedAfterMs(event, facts) >= WHOLE_SECOND_MS;
  return facts.previousVersionId === event.versionId && changedAfterMs(event, facts) >= 0;
}

/** From the event to the secret's last change; the event's time is in whole seconds, rounded down. */
function changedAfterMs({ occurredAt }: RotationEvent, { lastChangedAt }: SecretFacts): number {
  return lastChangedAt === undefined
    ? Number.NEGATIVE_INFINITY
    : lastChangedAt.getTime() - Date.parse(occurredAt);
}

/**
 * EventBridge gives whole seconds. Where the secret's last change falls into the native event's second, that change was
 * the label move, and its milliseconds make adoption measurable. CloudTrail's event comes after the move, which is that change.
 */
function currentSince(event: RotationEvent, facts: SecretFacts): Date {
  // reconcile sends the time of the move itself; the last change may be of something else by now.
  if (event.source === "reconcile") return new Date(event.occurredAt);
  const { lastChangedAt = new Date(event.occurredAt) } = facts;
  const afterMs = changedAfterMs(event, facts);
  // An event of one's own is sent some time after the move; what it found the version current with is that move.
  const isAfterTheMove = event.versionId === undefined || !PUNCTUAL.has(event.source);
  const isTheMove = isAfterTheMove ? afterMs < WHOLE_SECOND_MS : afterMs >= 0 && afterMs < WHOLE_SECOND_MS;
  return isTheMove ? lastChangedAt : new Date(event.occurredAt);
}
