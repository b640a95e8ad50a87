import * as z from "zod/mini";
import { InvalidMessageError } from "../errors.ts";
import { Instant, parseMessage } from "../message.ts";
import type { RotationEvent } from "../rotation-source.ts";
import { ParameterArn } from "../secret-id.ts";

const ParameterChanged = z.object({
  source: z.literal("aws.ssm"),
  time: Instant,
  resources: z.tuple([ParameterArn], z.unknown()),
  detail: z.object({ operation: z.string(), exception: z.optional(z.string()) }),
});

/** Parameter Store's event names the parameter and not its version, which is the parameter's own version number. */
export function readParameterChanged(event: unknown): RotationEvent {
  const { detail, resources, time } = parseMessage("Parameter Store Change event", ParameterChanged, event);
  const hasValue = detail.operation === "Create" || detail.operation === "Update";
  if (!hasValue || detail.exception !== undefined) {
    throw new InvalidMessageError(
      "Parameter Store Change event brings no new value: only Create and Update do. Narrow the rule's pattern.",
    );
  }
  return { secretArn: resources[0], source: "parameter-changed", occurredAt: time };
}
