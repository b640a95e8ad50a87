import * as z from "zod/mini";
import { Instant, Milliseconds, parseMessage, parseVersioned, SecretArn, VersionId } from "./message.ts";
import { SwapTimings } from "./report.ts";

/** Fields of every domain event. One rotation is one pair of secret and version. */
const base = { v: z.literal(1), secretArn: SecretArn, versionId: VersionId, occurredAt: Instant };
/** Moving AWSCURRENT back to an earlier version is a rotation of its own: version and time of the move tell it apart. */
const move = { ...base, currentSince: Instant };
const instance = { instanceId: z.string(), service: z.string() };

/** What happened in the pipeline, by EventBridge detail-type. The event source is `keyturn.STAGE`. */
export const domainEventDetails = {
  /** A notice went out. `noticeLatencyMs` counts from the version becoming current. */
  RotationNoticed: z.object({
    ...move,
    detectedBy: z.enum(["label-updated", "rotation-succeeded"]),
    noticeLatencyMs: Milliseconds,
  }),
  /** A real login with the new credential succeeded. */
  CredentialVerified: z.object({ ...move, verifyMs: Milliseconds }),
  /** The store refused the new credential. */
  CredentialRejected: z.object({ ...move, code: z.string(), reason: z.string() }),
  /** The secret does not say which store it opens, or the store is of a kind that is not supported. */
  CredentialUnverifiable: z.object({ ...move, reason: z.string() }),
  /** An instance runs on the version. `adoptionMs` counts from the version becoming current to the swap. */
  InstanceSwapped: z.object({
    ...base,
    ...instance,
    adoptionMs: z.optional(Milliseconds),
    timings: SwapTimings,
  }),
  /** An instance tried the version, could not log in, and keeps the old one. */
  InstanceRejected: z.object({ ...base, ...instance, code: z.string(), reason: z.string() }),
  /** The deadline check counted the tasks that run on the version and those that do not. */
  AdoptionChecked: z.object({ ...move, adopted: z.number(), stale: z.number() }),
  /** A new deployment of a service with stale tasks was forced. */
  ServiceRedeployed: z.object({ ...move, serviceArn: z.string(), staleTasks: z.number() }),
  /** A service has stale tasks, and was not redeployed. */
  RedeployWithheld: z.object({
    ...move,
    serviceArn: z.string(),
    staleTasks: z.number(),
    reason: z.enum([
      "credential-rejected",
      "credential-unverifiable",
      "deployment-in-progress",
      "deployment-controller",
      "secret-pinned",
    ]),
  }),
} as const;

export type DomainEventType = keyof typeof domainEventDetails;
export type DomainEvent = {
  [T in DomainEventType]: { readonly type: T; readonly detail: z.infer<(typeof domainEventDetails)[T]> };
}[DomainEventType];

const Envelope = z.object({
  "detail-type": z.enum(Object.keys(domainEventDetails) as [DomainEventType, ...DomainEventType[]]),
  detail: z.unknown(),
});

/**
 * Reads an EventBridge event of Keyturn's own.
 *
 * @throws InvalidMessageError where the type is unknown, or the detail is not of a version that we read
 */
export function parseDomainEvent(event: unknown): DomainEvent {
  const envelope = parseMessage("Domain event", Envelope, event);
  const type = envelope["detail-type"];
  const detail = parseVersioned(`Domain event ${type}`, domainEventDetails[type], envelope.detail);
  return { type, detail } as DomainEvent;
}
