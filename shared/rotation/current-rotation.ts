import type { SecretFacts, Secrets } from "../aws/secrets.ts";
import type { RotationEvent } from "../contract/rotation-event.ts";

/** A rotation whose version is the current one, as of now. */
export interface CurrentRotation {
  readonly secretArn: string;
  readonly versionId: string;
  readonly detectedBy: RotationEvent["source"];
  /** When the version became current, as precisely as it can be known. */
  readonly currentSince: Date;
}

/**
 * Compares what an event tells with what is so: undefined where another version is current by now,
 * in which case that version's own event does the work.
 */
export async function findCurrentRotation(
  event: RotationEvent,
  secrets: Pick<Secrets, "describe">,
): Promise<CurrentRotation | undefined> {
  const facts = await secrets.describe(event.secretArn);
  const versionId = facts.currentVersionId;
  if (versionId === undefined || (event.versionId !== undefined && event.versionId !== versionId))
    return undefined;
  return {
    secretArn: facts.secretArn,
    versionId,
    detectedBy: event.source,
    currentSince: currentSince(event, facts),
  };
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
