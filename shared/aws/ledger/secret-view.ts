import type { InstanceRecord, RotationView, SecretView } from "../ledger.ts";
import { toDecision } from "./decision-rows.ts";
import { toInstance } from "./instance-rows.ts";
import type { Row } from "./ledger-table.ts";
import { toRotationView } from "./rotation-rows.ts";

/** Everything about one secret, of the rows of its partition. */
export function toSecretView(secretArn: string, rows: readonly Row[]): SecretView {
  const ofKind = (kind: string) => rows.filter(({ sk }) => sk?.startsWith(`${kind}#`));
  const instances = ofKind("INSTANCE")
    .map(toInstance)
    .toSorted((a, b) => a.service.localeCompare(b.service) || a.instanceId.localeCompare(b.instanceId));
  const [newest, ...older] = newestFirst(ofKind("ROTATION").map(toRotationView));
  const current = newest && withLastAdoption(newest, instances);
  return {
    secretArn,
    ...(current && { current }),
    rotations: current ? [current, ...older] : [],
    instances,
    decisions: newestFirst(ofKind("DECISION").map(toDecision)),
  };
}

/** A rotation's own row has the last adoption to the second; the instances that are still on it know better. */
function withLastAdoption(rotation: RotationView, instances: readonly InstanceRecord[]): RotationView {
  const adoptedLastAt = instances
    .filter(({ versionId, trigger }) => versionId === rotation.versionId && trigger !== "start")
    .flatMap(({ swappedAt }) => swappedAt ?? [])
    .concat(rotation.adoptedLastAt ?? [])
    .filter((at) => rotation.adoptedFirstAt !== undefined && at >= rotation.adoptedFirstAt)
    .toSorted()
    .at(-1);
  return adoptedLastAt ? { ...rotation, adoptedLastAt } : rotation;
}

function newestFirst<T extends { readonly currentSince: string }>(records: readonly T[]): T[] {
  return records.toSorted((a, b) => b.currentSince.localeCompare(a.currentSince));
}
