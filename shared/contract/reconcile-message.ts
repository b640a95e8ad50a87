import * as z from "zod/mini";
import { InvalidMessageError } from "./errors.ts";
import { parseMessage } from "./message.ts";
import {
  RECONCILE_CONTINUED,
  type ReconcileContinued,
  readReconcileContinued,
} from "./reconcile-continued.ts";
import { parseRotationEvent, type RotationEvent } from "./rotation-event.ts";

/** Time for a run over all secrets, where such a run goes on, or a sign that does not name the version that came of it. */
export type ReconcileMessage =
  | {
      readonly secretArn?: undefined;
      readonly sign?: undefined;
      readonly continued?: ReconcileContinued;
    }
  | { readonly secretArn: string; readonly sign: RotationEvent };

const Envelope = z.object({ source: z.string(), "detail-type": z.string() });
const RESOLVED_HERE: ReadonlySet<RotationEvent["source"]> = new Set([
  "credentials-reset",
  "parameter-changed",
]);

/**
 * Reads what comes to reconcile's queue: EventBridge's scheduled event, reconcile's own, and those of RDS and Parameter Store.
 *
 * @throws InvalidMessageError where it is something else
 */
export function parseReconcileMessage(body: unknown): ReconcileMessage {
  const { source, "detail-type": type } = parseMessage("Message to reconcile", Envelope, body);
  if (source === "aws.events" && type === "Scheduled Event") return {};
  if (type === RECONCILE_CONTINUED) return { continued: readReconcileContinued(body) };
  const sign = parseRotationEvent(body);
  if (!RESOLVED_HERE.has(sign.source)) {
    throw new InvalidMessageError(
      `An event of kind ${sign.source} names its secret; its rule belongs to the queues of notify, verify and redeploy`,
    );
  }
  return { secretArn: sign.secretArn, sign };
}
