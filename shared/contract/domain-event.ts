import * as z from "zod/mini";
import { Instant, Milliseconds, parseMessage, parseVersioned, SecretArn, VersionId } from "./message.ts";
import { SwapTimings } from "./report.ts";
import { ROTATION_SOURCES } from "./rotation-source.ts";

/** Fields of every domain event. One rotation is one pair of secret and version. */
const base = { v: z.literal(1), secretArn: SecretArn, versionId: VersionId, occurredAt: Instant };
/** Moving AWSCURRENT back to an earlier version is a rotation of its own: version and time of the move tell it apart. */
const move = { ...base, currentSince: Instant };
const instance = { instanceId: z.string(), service: z.string() };
/** A service with tasks that are not on the version at the deadline. `pinned`: part of what they start with is a fixed version. */
const behind = {
  ...move,
  serviceArn: z.string(),
  staleTasks: z.number(),
  pinned: z.optional(z.boolean()),
};

/** What happened in the pipeline, by EventBridge detail-type. The event source is `keyturn.STAGE`. */
export const domainEventDetails = {
  /** A notice went out. `noticeLatencyMs` counts from the version becoming current. */
  RotationNoticed: z.object({
    ...move,
    detectedBy: z.enum(ROTATION_SOURCES),
    noticeLatencyMs: Milliseconds,
  }),
  /** Another source told of a rotation whose notice had gone out. */
  RotationSeenAgain: z.object({ ...move, detectedBy: z.enum(ROTATION_SOURCES) }),
  /**
   * `reconcile` found a version that no sign had told of, and fed it in; or one whose handling never ended
   * (`knownVersionId` is the same then), and has it handled again.
   */
  RotationMissed: z.object({ ...move, knownVersionId: z.optional(VersionId) }),
  /** An instance has not reported for longer than a service that runs and is connected does. */
  InstanceSilent: z.object({ ...base, ...instance, lastHeardAt: Instant }),
  /**
   * A real login with the new credential succeeded. Where the rotation had another verdict before, it is in
   * `previousVerdict`, together with the sign that made verify try again.
   */
  CredentialVerified: z.object({
    ...move,
    verifyMs: Milliseconds,
    previousVerdict: z.optional(z.enum(["rejected", "unverifiable", "unreachable"])),
    detectedBy: z.optional(z.enum(ROTATION_SOURCES)),
    toldAt: z.optional(Instant),
  }),
  /** The store refused the new credential. */
  CredentialRejected: z.object({ ...move, code: z.string(), reason: z.string() }),
  /** The secret does not say which store it opens, or the store is of a kind that is not supported. */
  CredentialUnverifiable: z.object({ ...move, reason: z.string() }),
  /** The store could not be asked, and the last try is over. */
  CredentialUnreachable: z.object({ ...move, code: z.string(), reason: z.string() }),
  /** AWSCURRENT was moved from the version, which the store refuses, back to the one before. */
  CredentialRestored: z.object({ ...move, restoredVersionId: VersionId }),
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
  /** Instances that no deployment can reach are behind at the deadline: standalone tasks, and those outside ECS. */
  StaleUnmanaged: z.object({ ...move, instances: z.number(), examples: z.array(z.string()) }),
  /** A new deployment of a service with stale tasks was forced. */
  ServiceRedeployed: z.object({ ...behind, deploymentId: z.optional(z.string()) }),
  /** A dry run: a deployment would have been forced. */
  RedeployPlanned: z.object(behind),
  /** A service has stale tasks, and was not redeployed. */
  RedeployWithheld: z.object({
    ...behind,
    reason: z.enum([
      "credential-rejected",
      "credential-unverifiable",
      "credential-unreachable",
      "deployment-in-progress",
      "deployment-failed",
      "deployment-controller",
      "secret-pinned",
      "other-credential-rejected",
      "waited-too-long",
    ]),
    /** Where it is another credential of the service that is not good. */
    otherSecretArn: z.optional(SecretArn),
  }),
  /**
   * Services wait for others to be done; where none does (0), the search for them is not over. The check goes on with this
   * event, as the message that began it (`claimant`).
   */
  RedeployDeferred: z.object({
    ...move,
    deferred: z.number(),
    round: z.number(),
    claimant: z.string(),
    detectedBy: z.enum(ROTATION_SOURCES),
    toldAt: Instant,
    /** Since when nothing could be done about any of them. */
    waitingSince: z.optional(Instant),
    /** Other secrets that may have waited for this one's credential were told, or must not be. */
    othersTold: z.optional(z.boolean()),
  }),
  /** ECS has finished the deployment that was to bring the version to a service. `durationMs` counts from the decision. */
  RedeployCompleted: z.object({
    ...move,
    serviceArn: z.string(),
    deploymentId: z.string(),
    durationMs: z.optional(Milliseconds),
  }),
  /** The circuit breaker has stopped the deployment that was to bring the version to a service. */
  RedeployFailed: z.object({
    ...move,
    serviceArn: z.string(),
    deploymentId: z.string(),
    reason: z.string(),
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
