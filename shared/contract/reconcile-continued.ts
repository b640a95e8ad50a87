import * as z from "zod/mini";
import { parseMessage, parseVersioned, SecretArn } from "./message.ts";

/** EventBridge detail-type of the event by which a run of reconcile goes on; its source is `keyturn.STAGE`. */
export const RECONCILE_CONTINUED = "Reconcile Continued";

/** Secrets that one run may carry on because they could not be asked about: more than that has another cause. */
export const MOST_ASKED_AGAIN = 100;

/** Where a run of reconcile stopped, since the time of its function was up. */
export const ReconcileContinued = z.object({
  v: z.literal(1),
  /** The last secret that has been seen to; the run goes by the order of their ARNs. Empty where it is still before the first. */
  after: z.string().check(z.maxLength(1_024)),
  /** Secrets before it that could not be seen to. */
  again: z.array(SecretArn).check(z.maxLength(MOST_ASKED_AGAIN)),
  /** Which part of the run begins now; the first is 1. */
  part: z.int().check(z.positive()),
});
export type ReconcileContinued = z.infer<typeof ReconcileContinued>;

const Envelope = z.object({ detail: z.unknown() });

/** @throws InvalidMessageError where the event is not of a form that we read */
export function readReconcileContinued(event: unknown): ReconcileContinued {
  const { detail } = parseMessage(`${RECONCILE_CONTINUED} event`, Envelope, event);
  return parseVersioned(`${RECONCILE_CONTINUED} event`, ReconcileContinued, detail);
}
