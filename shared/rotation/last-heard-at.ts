import type { InstanceRecord } from "../aws/ledger.ts";

/** When an instance was last heard of, ISO 8601 in UTC, which sorts as text; undefined for a row that tells of nothing. */
export function lastHeardAt({ heardAt, swappedAt, rejectedAt }: InstanceRecord): string | undefined {
  return [heardAt, swappedAt, rejectedAt]
    .filter((at) => at !== undefined)
    .toSorted()
    .at(-1);
}
