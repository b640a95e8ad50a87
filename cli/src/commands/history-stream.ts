import type { HistoryEntry, Ledger } from "../../../shared/aws/ledger.ts";

/** Entries are written after the moment that they tell of: a report may take as long as SQS keeps trying. */
const OVERLAP_MS = 120_000;

/** Reads what is new in a secret's history, each entry once. */
export interface HistoryStream {
  next(): Promise<HistoryEntry[]>;
}

/** @param since entries of before are left out */
export function createHistoryStream(
  ledger: Pick<Ledger, "readHistory">,
  secretArn: string,
  since: Date,
  now: () => Date,
): HistoryStream {
  let seen = new Map<string, string>();
  return {
    async next() {
      const from = new Date(Math.max(since.getTime(), now().getTime() - OVERLAP_MS));
      const entries = await ledger.readHistory(secretArn, { since: from });
      const fresh = entries.filter((entry) => !seen.has(JSON.stringify(entry)));
      seen = new Map(
        [...seen, ...fresh.map((entry) => [JSON.stringify(entry), entry.at] as const)].filter(
          ([, at]) => at >= from.toISOString(),
        ),
      );
      return fresh;
    },
  };
}
