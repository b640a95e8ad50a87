import { type AwsEvent, createAwsEvent, toWholeSeconds } from "../events/aws-event.ts";
import type { AwsPlace } from "../service.ts";
import type { Deployment } from "./describe-service.ts";

/**
 * What ECS tells of a deployment as it is.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
 */
export function deploymentEvent(
  place: AwsPlace,
  serviceArn: string,
  { id, rolloutState, rolloutStateReason, updatedAt }: Readonly<Deployment>,
): AwsEvent {
  const at = new Date(updatedAt);
  return createAwsEvent(
    place,
    {
      source: "aws.ecs",
      detailType: "ECS Deployment State Change",
      resources: [serviceArn],
      detail: {
        eventType: rolloutState === "FAILED" ? "ERROR" : "INFO",
        eventName: `SERVICE_DEPLOYMENT_${rolloutState}`,
        deploymentId: id,
        updatedAt: toWholeSeconds(at),
        reason: rolloutStateReason,
      },
    },
    at,
  );
}
