import {
  type DeploymentChange,
  isDeploymentChange,
  parseDeploymentChange,
} from "../../shared/contract/deployment-change.ts";
import { domainEventDetails, parseDomainEvent } from "../../shared/contract/domain-event.ts";
import { InvalidMessageError } from "../../shared/contract/errors.ts";
import { parseRotationEvent, type RotationEvent } from "../../shared/contract/rotation-event.ts";

/** Time for a check, time to go on with one, or the end of a deployment. */
export type RedeployMessage =
  | {
      readonly secretArn: string;
      readonly versionId?: string | undefined;
      readonly event: RotationEvent;
      /** Absent for a check that begins. */
      readonly progress?: { readonly claimant: string; readonly round: number };
    }
  | { readonly secretArn?: undefined; readonly versionId?: undefined; readonly change: DeploymentChange };

/**
 * Reads what comes to the queues of redeploy.
 *
 * @throws InvalidMessageError where it is something else
 */
export function parseRedeployMessage(body: unknown): RedeployMessage {
  if (isDeploymentChange(body)) return { change: parseDeploymentChange(body) };
  if (isDomainEvent(body)) return readDeferred(body);
  const event = parseRotationEvent(body);
  return { secretArn: event.secretArn, versionId: event.versionId, event };
}

function isDomainEvent(body: unknown): boolean {
  const type = typeof body === "object" && body !== null && "detail-type" in body ? body["detail-type"] : "";
  return typeof type === "string" && Object.hasOwn(domainEventDetails, type);
}

function readDeferred(body: unknown): RedeployMessage {
  const { type, detail } = parseDomainEvent(body);
  if (type !== "RedeployDeferred")
    throw new InvalidMessageError(`Event of type ${type} is none of redeploy's`);
  const { secretArn, versionId, detectedBy: source, toldAt: occurredAt, claimant, round } = detail;
  return {
    secretArn,
    versionId,
    event: { secretArn, versionId, source, occurredAt },
    progress: { claimant, round },
  };
}
