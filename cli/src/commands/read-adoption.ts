import type { InstanceRecord, Ledger, SecretView } from "../../../shared/aws/ledger.ts";
import { safeToRotate, type UnsafeReason } from "../../../shared/rotation/safe-to-rotate.ts";
import type { RunningTasks } from "../aws/running-tasks.ts";

export type InstanceState = "current" | "behind" | "refused" | "ended";

/** An instance beside the version that it should run on. */
export type InstanceStatus = InstanceRecord & { readonly state: InstanceState };

/** Who runs on a secret's current version, and what stands against the next rotation. */
export interface Adoption {
  readonly view: SecretView;
  /** The version that should be in use; absent where nobody knows of one. */
  readonly versionId?: string;
  readonly instances: readonly InstanceStatus[];
  /** Empty where every instance is on a version whose login succeeded. */
  readonly reasons: readonly UnsafeReason[];
  /** Since when the secret was found to be deleted. */
  readonly goneSince?: string;
}

export interface AdoptionPorts {
  readonly ledger: Pick<Ledger, "readSecret">;
  readonly tasks: RunningTasks;
  readonly now: () => Date;
}

/**
 * @param expected the version that should be in use; the newest in the ledger unless given, and of a secret that was never
 * rotated the one that was taken up last, which was current then
 */
export async function readAdoption(
  secretArn: string,
  expected: string | undefined,
  { ledger, tasks, now }: AdoptionPorts,
): Promise<Adoption> {
  const view = await ledger.readSecret(secretArn);
  const ended = await tasks.ended(view.instances.map(({ instanceId }) => instanceId));
  return planAdoption(view, expected, ended, now());
}

/** @param ended tasks that run no more; undefined where ECS could not be asked, and every instance counts */
export function planAdoption(
  view: SecretView,
  expected: string | undefined,
  ended: ReadonlySet<string> | undefined,
  now: Date,
): Adoption {
  const versionId = expected ?? view.current?.versionId ?? takenUpLast(view.instances);
  const instances = view.instances.map((record) => ({
    ...record,
    state: ended?.has(record.instanceId) ? ("ended" as const) : stateOf(record, versionId),
  }));
  const living = view.instances.filter(({ instanceId }) => !ended?.has(instanceId));
  const answer = safeToRotate(
    { ...view, instances: living },
    { now, ...(versionId && { currentVersionId: versionId }) },
  );
  return { view, ...(versionId && { versionId }), instances, reasons: answer.safe ? [] : answer.reasons };
}

function takenUpLast(instances: readonly InstanceRecord[]): string | undefined {
  return instances
    .filter(({ swappedAt }) => swappedAt !== undefined)
    .toSorted((a, b) => (a.swappedAt ?? "").localeCompare(b.swappedAt ?? ""))
    .at(-1)?.versionId;
}

function stateOf(record: InstanceRecord, versionId: string | undefined): InstanceState {
  if (record.versionId === versionId) return "current";
  return record.rejectedVersionId === versionId ? "refused" : "behind";
}

/** How many of the instances that live are on the version. */
export function countAdopted({ instances }: Adoption): { readonly adopted: number; readonly living: number } {
  const living = instances.filter(({ state }) => state !== "ended");
  return { adopted: living.filter(({ state }) => state === "current").length, living: living.length };
}
