import type { AwsPlace } from "../service.ts";
import { type AwsEvent, createAwsEvent } from "./aws-event.ts";

export const SCHEDULER = "aws.events";
export const SCHEDULED_EVENT = "Scheduled Event";

/** What EventBridge sends when the time of a rule with a schedule has come. */
export function scheduledEvent(place: AwsPlace, ruleName: string, at: Date): AwsEvent {
  const arn = `arn:aws:events:${place.region}:${place.accountId}:rule/${ruleName}`;
  return createAwsEvent(
    place,
    { source: SCHEDULER, detailType: SCHEDULED_EVENT, resources: [arn], detail: {} },
    at,
  );
}
