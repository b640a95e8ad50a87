import type { Ledger, RotationRecord, RotationView } from "../../shared/aws/ledger.ts";
import type { RotationEvent } from "../../shared/contract/rotation-event.ts";
import { type CurrentRotationPorts, findRotation } from "../../shared/rotation/current-rotation.ts";

export interface FindCheckedRotationPorts extends CurrentRotationPorts {
  readonly ledger: Pick<Ledger, "openRotation" | "readCurrentSince" | "readRotation">;
}

/**
 * The rotation that a message is about, as the ledger has it. A sign of a rotation begins it there. A message of Keyturn's own
 * goes on with one that is there: what it says of times is not believed, so that whoever forges one cannot make a rotation up,
 * nor one of the future, which each later one would be taken for older than.
 *
 * @param since of a message that goes on: when the version became current
 */
export async function findCheckedRotation(
  event: RotationEvent,
  since: string | undefined,
  ports: FindCheckedRotationPorts,
): Promise<(RotationRecord & Partial<RotationView>) | "superseded" | "not-watched"> {
  const { ledger } = ports;
  const current = await findRotation(event, ports);
  if (typeof current === "string") return current;
  if (since === undefined) {
    const rotation = await ledger.openRotation(current);
    return rotation.supersededBy === undefined ? rotation : "superseded";
  }
  const { secretArn, versionId } = current;
  if ((await ledger.readCurrentSince(secretArn, versionId)) !== since) return "superseded";
  return (await ledger.readRotation({ secretArn, versionId, currentSince: since })) ?? "superseded";
}
