import {
  type DeploymentChange,
  isDeploymentChange,
  parseDeploymentChange,
} from "../../shared/contract/deployment-change.ts";
import { domainEventDetails, parseDomainEvent } from "../../shared/contract/domain-event.ts";
import { InvalidMessageError } from "../../shared/contract/errors.ts";
import { parseRotationEvent, type RotationEvent } from "../../shared/contract/rotation-event.ts";

/** A check that goes on, as the one that it was. */
export interface CheckProgress {
  /** Id of the message that began it. */
  readonly claimant: string;
  /** How often it has come back. */
  readonly round: number;
  /** Since when the version is current, ISO 8601. */
  readonly currentSince: string;
  /** Since when nothing could be done about any service, ISO 8601. */
  readonly waitingSince: string;
  /** Services that waited when it was deferred last. */
  readonly deferred: number;
  /** Other secrets that may have waited for this one's credential were told, or must not be. */
  readonly othersTold: boolean;
}

/** Time for a check, time to go on with one, or the end of a deployment. */
export type RedeployMessage =
  | {
      readonly secretArn: string;
      readonly versionId?: string | undefined;
      readonly event: RotationEvent;
      /** Absent for a check that begins. */
      readonly progress?: CheckProgress;
      /** Of a check because the credential is accepted after all: since when the version that was is current. */
      readonly acceptedSince?: string;
    }
  | { readonly secretArn?: undefined; readonly versionId?: undefined; readonly change: DeploymentChange };

/**
 * Reads what comes to the queues of redeploy.
 *
 * @throws InvalidMessageError where it is something else
 */
export function parseRedeployMessage(body: unknown): RedeployMessage {
  if (isDeploymentChange(body)) return { change: parseDeploymentChange(body) };
  if (isDomainEvent(body)) return readDomainEvent(body);
  const event = parseRotationEvent(body);
  return { secretArn: event.secretArn, versionId: event.versionId, event };
}

function isDomainEvent(body: unknown): boolean {
  const type = typeof body === "object" && body !== null && "detail-type" in body ? body["detail-type"] : "";
  return typeof type === "string" && Object.hasOwn(domainEventDetails, type);
}

function readDomainEvent(body: unknown): RedeployMessage {
  const { type, detail } = parseDomainEvent(body);
  const { secretArn, versionId } = detail;
  if (type === "RedeployDeferred") {
    const { detectedBy: source, toldAt: occurredAt, currentSince, claimant, round, deferred } = detail;
    const { othersTold = false } = detail;
    const waitingSince = detail.waitingSince ?? detail.occurredAt;
    const event = { secretArn, versionId, source, occurredAt };
    return {
      secretArn,
      versionId,
      event,
      progress: { claimant, round, currentSince, waitingSince, deferred, othersTold },
    };
  }
  if (type === "CredentialVerified" && detail.previousVerdict && detail.detectedBy && detail.toldAt) {
    const { detectedBy: source, toldAt: occurredAt, currentSince: acceptedSince } = detail;
    return { secretArn, versionId, event: { secretArn, versionId, source, occurredAt }, acceptedSince };
  }
  throw new InvalidMessageError(`Event of type ${type} is none of redeploy's`);
}
