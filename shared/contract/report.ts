import * as z from "zod/mini";
import { Instant, Milliseconds, PlainText, parseVersioned, SecretArn, VersionId } from "./message.ts";

/** Durations of the steps of one swap, each in milliseconds; a step that did not happen is absent. */
export const SwapTimings = z.object({
  /** From the hint to the secret value in hand. */
  fetchMs: z.optional(Milliseconds),
  /** The login with the new credential. */
  verifyMs: z.optional(Milliseconds),
  /** Opening the connections that the load needs, before the swap. */
  warmUpMs: z.optional(Milliseconds),
  /** From the hint to the new credential in use. */
  totalMs: z.optional(Milliseconds),
});
export type SwapTimings = z.infer<typeof SwapTimings>;

/** Who reports, as people read it. */
export const ReporterName = PlainText.check(
  z.minLength(1),
  z.maxLength(256, "must be at most 256 characters"),
);

const MAX_MESSAGE_LENGTH = 1_000;

/** A sentence that somebody else made: cut, and on one line, so that a report is not lost for what it quotes. */
const Sentence = z.pipe(
  z.string(),
  z.transform((text) => text.replaceAll(/\p{C}+/gu, " ").slice(0, MAX_MESSAGE_LENGTH)),
);

/** What a running service did with a version. A report of "swapped" means that a fresh login succeeded. */
export const Report = z.object({
  v: z.literal(1),
  secretArn: SecretArn,
  versionId: VersionId,
  /** Stable for the life of the process: the ECS task ARN where there is one, else host and process id. */
  instanceId: ReporterName,
  service: ReporterName,
  outcome: z.enum(["swapped", "rejected"]),
  /** What made the instance look: its start, a notice, the poll or a failed login. */
  trigger: z.enum(["start", "notice", "poll", "login-failure", "reconnect"]),
  /** When the instance swapped, or gave the version up. Also orders the reports of one instance. */
  occurredAt: Instant,
  /** When the version became current, copied from the notice where there was one. */
  currentSince: z.optional(Instant),
  timings: SwapTimings,
  /** Why the version was rejected: the store's own code, and a sentence without secrets. */
  reason: z.optional(z.object({ code: PlainText.check(z.maxLength(64)), message: Sentence })),
});
export type Report = z.infer<typeof Report>;

/** @throws InvalidMessageError where the value is not a report of a version that we read */
export function parseReport(value: unknown): Report {
  return parseVersioned("Report", Report, value);
}
