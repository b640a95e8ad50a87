import * as z from "zod/mini";
import { InvalidMessageError } from "../errors.ts";
import { Instant, parseMessage, parseVersioned, SecretArn, VersionId } from "../message.ts";
import type { RotationEvent } from "../rotation-source.ts";
import { kindOfSecret, SecretNameOrArn } from "../secret-id.ts";
import { SecretVersionId } from "./secret-version-id.ts";

/** EventBridge detail-type of the event of one's own; its source is `keyturn`, or `keyturn.STAGE` for one stage alone. */
export const CREDENTIAL_ROTATED = "Credential Rotated";

/** Whoever rotates sends with it; a stage's own source, `keyturn.STAGE`, is for its functions. The rule lets no other stage's in. */
const OPEN_SOURCE = "keyturn";

const Envelope = z.object({
  source: z
    .string()
    .check(z.regex(/^keyturn(?:\.[\w-]+)?$/, `must be ${OPEN_SOURCE}, or ${OPEN_SOURCE}.STAGE`)),
  time: Instant,
  detail: z.unknown(),
});

/**
 * Says that a secret has a new current version, whoever keeps it. This is how Vault, scripts and other clouds take part,
 * and how `reconcile` hands on what it found.
 */
export const CredentialRotated = z.object({
  v: z.literal(1),
  /** The secret, as it stands in all other messages. Either this or `secretId`. */
  secretArn: z.optional(SecretArn),
  /** The same, and besides that the name of a secret in Secrets Manager. */
  secretId: z.optional(z.union([SecretArn, SecretNameOrArn])),
  versionId: VersionId,
  /** When the version became current; the event's own time where it is not given. */
  occurredAt: z.optional(Instant),
  /** The sign that led `reconcile` to it; from the source that is open to others it counts for nothing. */
  detectedBy: z.optional(z.enum(["credentials-reset", "parameter-changed", "reconcile"])),
});
export type CredentialRotated = z.infer<typeof CredentialRotated>;

export function readCredentialRotated(event: unknown): RotationEvent {
  const envelope = parseMessage("Credential Rotated event", Envelope, event);
  const detail = parseVersioned("Credential Rotated event", CredentialRotated, envelope.detail);
  const secretArn = detail.secretArn ?? detail.secretId;
  if (!secretArn || (detail.secretArn && detail.secretId)) {
    throw new InvalidMessageError("Credential Rotated event must have one of secretArn and secretId");
  }
  parseMessage("Credential Rotated event's versionId", versionOf(secretArn), detail.versionId);
  // Else anybody could tell of a move at a time of his choice, and have it handled as one more rotation.
  const detectedBy = envelope.source === OPEN_SOURCE ? undefined : detail.detectedBy;
  return {
    secretArn,
    versionId: detail.versionId,
    source: detectedBy ?? "credential-rotated",
    occurredAt: detail.occurredAt ?? envelope.time,
  };
}

const ParameterVersion = z.string().check(z.regex(/^[1-9]\d{0,9}$/, "not a parameter's version number"));
/** `#` is what the ledger parts its keys with. */
const VersionElsewhere = z
  .string()
  .check(z.regex(/^[\x21\x22\x24-\x7e]+$/, "must be printable, without spaces and #"));

/** Versions are of the form that the secret's store gives them. */
function versionOf(secretArn: string) {
  const kind = kindOfSecret(secretArn);
  if (kind === "parameter") return ParameterVersion;
  return kind === "elsewhere" ? VersionElsewhere : SecretVersionId;
}
