import * as z from "zod/mini";
import { InvalidMessageError } from "./errors.ts";
import { parseMessage } from "./message.ts";
import type { RotationEvent } from "./rotation-source.ts";
import { readApiCall, readRotationSucceeded } from "./sources/cloud-trail.ts";
import { CREDENTIAL_ROTATED, readCredentialRotated } from "./sources/credential-rotated.ts";
import { readDatabaseEvent } from "./sources/database.ts";
import { readLabelUpdated } from "./sources/label-updated.ts";
import { readParameterChanged } from "./sources/parameter-changed.ts";

export { ROTATION_SOURCES, type RotationEvent, type RotationSource, tellsOfMove } from "./rotation-source.ts";

const Envelope = z.object({ source: z.string(), "detail-type": z.string() });

const READERS: Readonly<Record<string, (event: unknown) => RotationEvent>> = {
  "Secret Label Updated": readLabelUpdated,
  "AWS Service Event via CloudTrail": readRotationSucceeded,
  "AWS API Call via CloudTrail": readApiCall,
  "RDS DB Instance Event": readDatabaseEvent,
  "RDS DB Cluster Event": readDatabaseEvent,
  "Parameter Store Change": readParameterChanged,
  [CREDENTIAL_ROTATED]: readCredentialRotated,
};

/**
 * Reads an EventBridge event that tells of a rotation.
 *
 * @throws InvalidMessageError where the event is of another kind, or lacks what its kind must have
 * @example parseRotationEvent(JSON.parse(record.body)).secretArn
 */
export function parseRotationEvent(event: unknown): RotationEvent {
  const { source, "detail-type": type } = parseMessage("Rotation event", Envelope, event);
  const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (!read) throw new InvalidMessageError(`Event of type "${type}" from ${source} is not a rotation event`);
  return read(event);
}
