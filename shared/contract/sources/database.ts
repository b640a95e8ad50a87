import * as z from "zod/mini";
import { InvalidMessageError } from "../errors.ts";
import { Instant, parseMessage } from "../message.ts";
import type { RotationEvent } from "../rotation-source.ts";

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html: the master password was reset. */
const CREDENTIALS_RESET = "RDS-EVENT-0016";

const DatabaseArn = z
  .string()
  .check(
    z.regex(/^arn:aws[\w-]*:rds:[a-z0-9-]+:\d{12}:(?:db|cluster):[A-Za-z][\w-]{0,62}$/, "not a database ARN"),
  );

const DatabaseEvent = z.object({
  source: z.literal("aws.rds"),
  time: Instant,
  detail: z.object({
    EventID: z.string(),
    SourceArn: DatabaseArn,
    /** The same time with milliseconds. */
    Date: z.catch(z.optional(Instant), undefined),
  }),
});

/** The reset of a master password, of an instance or a cluster. It names the database; `reconcile` finds its secret. */
export function readDatabaseEvent(event: unknown): RotationEvent {
  const { detail, time } = parseMessage("RDS event", DatabaseEvent, event);
  if (detail.EventID !== CREDENTIALS_RESET) {
    throw new InvalidMessageError(
      `RDS event is no reset of the master credentials (${CREDENTIALS_RESET}). Narrow the rule's pattern.`,
    );
  }
  return { secretArn: detail.SourceArn, source: "credentials-reset", occurredAt: detail.Date ?? time };
}
