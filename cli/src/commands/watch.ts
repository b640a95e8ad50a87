import type { HistoryEntry, Ledger } from "../../../shared/aws/ledger.ts";
import { parseNotice } from "../../../shared/contract/notice.ts";
import { parseReport } from "../../../shared/contract/report.ts";
import type { Channel } from "../aws/channel.ts";
import { describeFailure, isPassing } from "../describe-failure.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { formatEntryOf } from "../format/history.ts";
import { plural } from "../format/plural.ts";
import { createHistoryStream, type HistoryStream } from "./history-stream.ts";
import type { Say } from "./say.ts";

export interface WatchPorts {
  readonly ledger: Pick<Ledger, "listSecrets" | "readHistory">;
  readonly now: () => Date;
  /** Rejects when the command is to end. */
  readonly pause: (ms: number) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Follows all rotations by reading the ledger again and again, until it is asked to end. */
export async function watchLedger(
  { since, intervalMs }: { readonly since: Date; readonly intervalMs: number },
  { ledger, now, pause, signal }: WatchPorts,
  say: Say,
): Promise<ExitCode> {
  const streams = new Map<string, HistoryStream>();
  const look = async () => {
    for await (const { secretArn } of ledger.listSecrets()) {
      const stream = streams.get(secretArn) ?? createHistoryStream(ledger, secretArn, since, now);
      streams.set(secretArn, stream);
      for (const entry of await stream.next()) tell(secretArn, entry, say);
    }
    say.progress(`${plural(streams.size, "secret")}; ends on Ctrl-C`);
  };
  // The first look must succeed; what cannot be read for a while later is told once, and read when it can be.
  await look();
  let trouble: string | undefined;
  while (!signal.aborted) {
    await pause(intervalMs);
    if (signal.aborted) break;
    try {
      await look();
      trouble = undefined;
    } catch (error) {
      if (!isPassing(error)) throw error;
      const { message } = describeFailure(error);
      if (message !== trouble) say.note(message);
      trouble = message;
    }
  }
  return EXIT.ok;
}

const REOPEN_MS = 2_000;

/** Follows all rotations by the notices and reports that go by, until it is asked to end. */
export async function watchChannel(
  channel: Channel,
  topicPrefix: string,
  { pause, signal }: Pick<WatchPorts, "pause" | "signal">,
  say: Say,
): Promise<ExitCode> {
  // The first sign-in must succeed; a connection that is lost later is begun anew.
  let mayFail = false;
  while (!signal.aborted) {
    try {
      const open = await channel.open(
        [`${topicPrefix}/notices/+`, `${topicPrefix}/reports/+`],
        (topic, payload) => hear(topic, payload, topicPrefix, say),
      );
      mayFail = true;
      say.progress("Listening; ends on Ctrl-C");
      const ended = Promise.withResolvers<void>();
      const end = () => ended.resolve();
      signal.addEventListener("abort", end, { once: true });
      await Promise.race([open.closed, ended.promise]);
      signal.removeEventListener("abort", end);
      await open.close();
    } catch (error) {
      if (!mayFail) throw error;
      say.note(error instanceof Error ? error.message : String(error));
    }
    if (signal.aborted) break;
    say.note("The channel is gone; signing in again");
    await pause(REOPEN_MS);
  }
  return EXIT.ok;
}

function hear(topic: string, payload: string, topicPrefix: string, say: Say): void {
  try {
    const isNotice = topic.startsWith(`${topicPrefix}/notices/`);
    const { secretArn, entry } = isNotice ? entryOfNotice(payload) : entryOfReport(payload);
    tell(secretArn, entry, say);
  } catch (error) {
    say.note(`${topic}: ${error instanceof Error ? error.message : error}`);
  }
}

interface Heard {
  readonly secretArn: string;
  readonly entry: HistoryEntry;
}

function entryOfNotice(payload: string): Heard {
  const { secretArn, versionId, noticedAt } = parseNotice(payload);
  return { secretArn, entry: { at: noticedAt, versionId, what: "noticed" } };
}

function entryOfReport(payload: string): Heard {
  const { secretArn, versionId, instanceId, service, outcome, trigger, occurredAt, reason } = parseReport(
    JSON.parse(payload),
  );
  const base = { at: occurredAt, versionId, instanceId, service };
  return {
    secretArn,
    entry:
      outcome === "swapped"
        ? { ...base, what: "adopted", trigger }
        : { ...base, what: "refused", code: reason?.code ?? "unknown" },
  };
}

function tell(secretArn: string, entry: HistoryEntry, say: Say): void {
  say.item({ secretArn, ...entry }, () => formatEntryOf(secretArn, entry));
}
