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

/**
 * Compares what an event tells with what is so: undefined where another version is current by now, in which case
 * that version's own event does the work, or where the secret is gone.
 *
 * A version that is not current may also be one that a read does not show as current yet. Only AWSPREVIOUS says that
 * it was and is no longer; else an event that is fresh is tried again.
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

function isCurrent({ versionId }: RotationEvent, facts: SecretFacts | undefined): boolean {
  return (
    facts?.currentVersionId !== undefined && (versionId === undefined || versionId === facts.currentVersionId)
  );
}

function isOver({ versionId }: RotationEvent, facts: SecretFacts | undefined): boolean {
  return versionId !== undefined && facts?.previousVersionId === versionId;
}

/**
 * EventBridge gives whole seconds. Where the secret's last change falls into the event's second, that change was the
 * label move, and its milliseconds make adoption measurable. CloudTrail's event comes after the move, so only the native one is refined.
 */
function currentSince(event: RotationEvent, { lastChangedAt }: SecretFacts): Date {
  const eventTime = new Date(event.occurredAt);
  if (event.source !== "label-updated" || lastChangedAt === undefined) return eventTime;
  const sinceEventMs = lastChangedAt.getTime() - eventTime.getTime();
  return sinceEventMs >= 0 && sinceEventMs < 1_000 ? lastChangedAt : eventTime;
}
