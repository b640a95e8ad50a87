import * as z from "zod/mini";
import { Instant, parseJson, parseVersioned, SecretArn, VersionId } from "./message.ts";

const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;

/**
 * Tells services that a secret has a new current version. It is a hint: it carries no value, and whoever
 * acts on it reads the version from Secrets Manager. Retained, one topic for each secret.
 */
export const Notice = z.object({
  v: z.literal(1),
  kind: z.literal("credential-rotated"),
  secretArn: SecretArn,
  versionId: VersionId,
  /** When the version became current, as precisely as Secrets Manager tells. */
  currentSince: Instant,
  /** When the notice was sent. */
  noticedAt: Instant,
  /** Trace that the notice belongs to: https://www.w3.org/TR/trace-context/#traceparent-header. Left out where it is not valid. */
  traceparent: z.catch(z.optional(z.string().check(z.regex(TRACEPARENT))), undefined),
});
export type Notice = z.infer<typeof Notice>;

/** @throws InvalidMessageError where the payload is not a notice of a version that we read */
export function parseNotice(payload: string): Notice {
  return parseVersioned("Notice", Notice, parseJson("Notice", payload));
}
