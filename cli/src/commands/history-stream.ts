import type { HistoryEntry, Ledger } from "../../../shared/aws/ledger.ts";

const MINUTE_MS = 60_000;

/**
 * Entries are written after the moment that they tell of. A report may take each of its five deliveries, a minute apart:
 * more than five minutes. A rotation that no event told of is found by the hourly reconcile, which lets five minutes pass
 * first, and entered with the time at which its version became current: more than an hour.
 */
const OVERLAP_MS = 75 * MINUTE_MS;

/** Reads what is new in a secret's history, each entry once. */
export interface HistoryStream {
  next(): Promise<HistoryEntry[]>;
}

/** @param since entries of before are left out; the first read begins there, however long ago it is */
export function createHistoryStream(
  ledger: Pick<Ledger, "readHistory">,
  secretArn: string,
  since: Date,
  now: () => Date,
): HistoryStream {
  let from = since;
  let seen = new Map<string, string>();
  return {
    async next() {
      // Counted from the read, not from the next one: between the two may be a night in which the machine slept.
      const readAt = now();
      const entries = await ledger.readHistory(secretArn, { since: from });
      const fresh = entries.filter((entry) => !seen.has(JSON.stringify(entry)));
      from = new Date(Math.max(since.getTime(), readAt.getTime() - OVERLAP_MS));
      seen = new Map(
        [...seen, ...fresh.map((entry) => [JSON.stringify(entry), entry.at] as const)].filter(
          ([, at]) => at >= from.toISOString(),
        ),
      );
      return fresh;
    },
  };
}
