import * as z from "zod/mini";
import { Instant, parseMessage } from "./message.ts";

const OUTCOMES = {
  SERVICE_DEPLOYMENT_COMPLETED: "completed",
  SERVICE_DEPLOYMENT_FAILED: "failed",
} as const;
type EventName = keyof typeof OUTCOMES;

/** ECS has finished a deployment, or its circuit breaker has stopped it. */
export interface DeploymentChange {
  readonly serviceArn: string;
  readonly deploymentId: string;
  readonly outcome: (typeof OUTCOMES)[EventName];
  readonly endedAt: string;
  /** ECS's own sentence. */
  readonly reason: string;
}

const Envelope = z.object({ source: z.string(), "detail-type": z.string() });
/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html */
const DeploymentStateChange = z.object({
  resources: z.tuple([z.string().check(z.startsWith("arn:", "not an ARN"))], z.unknown()),
  detail: z.object({
    eventName: z.enum(Object.keys(OUTCOMES) as [EventName, ...EventName[]]),
    deploymentId: z.string().check(z.minLength(1), z.maxLength(256)),
    updatedAt: Instant,
    reason: z.string(),
  }),
});

/** Whether an EventBridge event is of the kind that {@link parseDeploymentChange} reads. */
export function isDeploymentChange(event: unknown): boolean {
  const { success, data } = z.safeParse(Envelope, event);
  return success && data.source === "aws.ecs" && data["detail-type"] === "ECS Deployment State Change";
}

/**
 * Reads ECS's `ECS Deployment State Change` of a deployment that has ended.
 *
 * @throws InvalidMessageError where it is another one, or lacks what it must have
 */
export function parseDeploymentChange(event: unknown): DeploymentChange {
  const { resources, detail } = parseMessage("Deployment state change", DeploymentStateChange, event);
  return {
    serviceArn: resources[0],
    deploymentId: detail.deploymentId,
    outcome: OUTCOMES[detail.eventName],
    endedAt: detail.updatedAt,
    reason: detail.reason,
  };
}
