import { type DomainEvent, parseDomainEvent } from "../../shared/contract/domain-event.ts";
import {
  isCloudTrailEvent,
  parseRotationAttempt,
  type RotationAttempt,
} from "../../shared/contract/rotation-attempt.ts";

/** What is counted: a step of the pipeline's own, or what CloudTrail tells of a rotation that made nothing current. */
export type Measured =
  | {
      readonly secretArn: string;
      readonly versionId: string;
      readonly event: DomainEvent;
      readonly attempt?: undefined;
    }
  | { readonly secretArn: string; readonly versionId?: undefined; readonly attempt: RotationAttempt };

/** @throws InvalidMessageError where the event is neither */
export function parseMeasured(body: unknown): Measured {
  if (isCloudTrailEvent(body)) {
    const attempt = parseRotationAttempt(body);
    return { secretArn: attempt.secretArn, attempt };
  }
  const event = parseDomainEvent(body);
  return { secretArn: event.detail.secretArn, versionId: event.detail.versionId, event };
}
