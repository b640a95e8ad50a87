import type { HistoryEntry } from "../../../shared/aws/ledger.ts";
import { secretName, serviceName, shortInstance, shortVersion } from "./names.ts";

const WHAT_WIDTH = 16;

/** One line of a secret's history: when, what, which version, who. */
export function formatEntry(entry: HistoryEntry): string {
  const when = entry.at.replace("T", " ").replace("Z", "");
  return `${when}  ${entry.what.padEnd(WHAT_WIDTH)}  ${shortVersion(entry.versionId)}  ${detailOf(entry)}`.trimEnd();
}

/** The same where entries of several secrets stand among each other. */
export function formatEntryOf(secretArn: string, entry: HistoryEntry): string {
  return `${formatEntry(entry)}  ${secretName(secretArn)}`;
}

function detailOf(entry: HistoryEntry): string {
  switch (entry.what) {
    case "rotated":
    case "seen-again":
      return `told by ${entry.source}`;
    case "noticed":
      return "services were told";
    case "verified":
      return entry.reason ? `${entry.verdict}: ${entry.reason}` : entry.verdict;
    case "adopted":
      return `${entry.service} ${shortInstance(entry.instanceId)}, by ${entry.trigger}`;
    case "refused":
      return `${entry.service} ${shortInstance(entry.instanceId)}: ${entry.code}`;
    case "redeployed":
      return serviceName(entry.serviceArn);
    case "undecided":
      return `${serviceName(entry.serviceArn)}: was about to ${entry.intent}`;
    case "withheld":
      return `${serviceName(entry.serviceArn)}: ${entry.reason}`;
    case "deployment-ended":
      return `${serviceName(entry.serviceArn)}: ${entry.outcome}`;
  }
}
