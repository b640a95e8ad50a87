import { describeError } from "./describe-error.ts";
import type { ChannelState } from "./rotation.ts";

/** How a rotating resource is, for a health endpoint or a person. Holds no secret. */
export interface Health {
  /**
   * `ok`: the store answers. `degraded`: it answers, but the channel is down or the newest version is not in use.
   * `down`: it does not answer, or nothing may be asked of it any more.
   */
  readonly status: "ok" | "degraded" | "down";
  readonly secretId: string;
  /** Version in use. */
  readonly versionId: string | undefined;
  /** When it took the place of another one; undefined where this process has seen no rotation. */
  readonly lastRotatedAt: Date | undefined;
  readonly channel: ChannelState;
  /** Where the secret is read: `secrets-manager`, `parameter-store`, `environment` or `custom`. */
  readonly source: string;
  /** Why it is not `ok`, without names and addresses. */
  readonly reason?: string;
}

export interface HealthOptions {
  /** For how long the store may take to answer, in milliseconds. Default 5000. */
  readonly timeoutMs?: number | undefined;
}

/** The part of a `Rotation` that health is about. */
export interface Observed {
  readonly secretId: string;
  readonly versionId: string | undefined;
  readonly lastRotatedAt: Date | undefined;
  readonly channel: ChannelState;
  readonly source: string;
  readonly failure: { readonly versionId?: string | undefined; readonly error: unknown } | undefined;
  readonly hasEnded: boolean;
}

/**
 * Asks the store for an answer, and tells how the rotation stands. Never throws.
 *
 * @param ping one question on a connection that serves; the signal says that nobody waits for the answer any more
 */
export async function checkHealth(
  rotation: Observed,
  ping: (timeUp: AbortSignal) => Promise<unknown>,
  { timeoutMs = 5_000 }: HealthOptions = {},
): Promise<Health> {
  const { secretId, versionId, lastRotatedAt, channel, source, failure } = rotation;
  const facts = { secretId, versionId, lastRotatedAt, channel, source };
  if (rotation.hasEnded) return { status: "down", ...facts, reason: "It was ended" };
  const timeUp = new AbortController();
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => {
    timeUp.abort();
    late.resolve(`No answer within ${timeoutMs} ms`);
  }, timeoutMs);
  const answered = (async () => ping(timeUp.signal))().then(() => undefined, reasonOf);
  const unanswered = await Promise.race([answered, late.promise]);
  clearTimeout(timer);
  if (unanswered !== undefined) return { status: "down", ...facts, reason: unanswered };
  if (failure) {
    const what = failure.versionId ? "The newest version is not in use" : "It is not known what is current";
    return { status: "degraded", ...facts, reason: `${what}: ${reasonOf(failure.error)}` };
  }
  if (channel === "down") return { status: "degraded", ...facts, reason: "The channel is down" };
  return { status: "ok", ...facts };
}

function reasonOf(error: unknown): string {
  const { code, reason } = describeError(error);
  return code ?? reason;
}
