import type { SecretFacts, Secrets } from "../aws/secrets.ts";
import { DependencyError } from "../contract/errors.ts";
import type { RotationEvent } from "../contract/rotation-event.ts";

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
/** The rotation is reported as succeeded when its last step, which moves the label, is done. */
const SUCCEEDED_WITHIN_MS = 60_000;

/**
 * Compares what an event tells with what is so: undefined where another version is current by now, in which case
 * that version's own event does the work, or where the secret is gone.
 *
 * Reads lag behind. A version that a read does not show as current may be so all the same: only a read that is no
 * older than the event, and shows AWSPREVIOUS, says that it was and is no longer. Else a fresh event is tried again.
 *
 * @throws DependencyError where it cannot be told yet
 */
export async function findCurrentRotation(
  event: RotationEvent,
  { secrets, now }: CurrentRotationPorts,
): Promise<CurrentRotation | undefined> {
  const facts = await secrets.describe(
    event.secretArn,
    (seen) => isCurrent(event, seen) || isOver(event, seen),
  );
  const versionId = facts?.currentVersionId;
  if (facts && versionId && isCurrent(event, facts)) {
    const { secretArn } = facts;
    return { secretArn, versionId, detectedBy: event.source, currentSince: currentSince(event, facts) };
  }
  const ageMs = now().getTime() - Date.parse(event.occurredAt);
  if (isOver(event, facts) || ageMs > SETTLED_AFTER_MS) return undefined;
  throw new DependencyError("The version cannot be seen as current yet; the message is repeated", {
    details: { secretArn: event.secretArn, versionId: event.versionId },
  });
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
  const { lastChangedAt = new Date(event.occurredAt) } = facts;
  const afterMs = changedAfterMs(event, facts);
  const isTheMove = event.versionId === undefined || (afterMs >= 0 && afterMs < WHOLE_SECOND_MS);
  return isTheMove ? lastChangedAt : new Date(event.occurredAt);
}
