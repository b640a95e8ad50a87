import type { LocalRun } from "../../../local/local-run.ts";
import { type DomainEvent, parseDomainEvent } from "../../../shared/contract/domain-event.ts";
import { type Notice, parseNotice } from "../../../shared/contract/notice.ts";
import { RECONCILE_CONTINUED } from "../../../shared/contract/reconcile-continued.ts";
import { parseReport, type Report } from "../../../shared/contract/report.ts";
import { CREDENTIAL_ROTATED } from "../../../shared/contract/sources/credential-rotated.ts";

/** A structured line of a function's log. */
export interface LogLine {
  readonly message?: string;
  readonly secretArn?: string;
  readonly versionId?: string;
  readonly receiveCount?: number;
  readonly outcome?: string;
  readonly error?: { readonly name: string; readonly message: string };
  readonly [field: string]: unknown;
}

/** Everything that left the pipeline since the run started, in its order. */
export interface Observations {
  readonly notices: readonly Notice[];
  readonly reports: readonly Report[];
  /** Messages on the topics of notices and reports that are neither: topic, message and reason. */
  readonly unreadable: readonly string[];
  readonly alarms: readonly { readonly name: string; readonly state: string }[];
  /** All of it as text: log lines, messages on the broker, events on the bus. */
  readonly texts: readonly string[];
  /** Lines that tasks wrote, by task definition family. */
  taskLines(family: string): readonly string[];
  /** @param about fields that a line must have */
  logsOf(functionName: string, about?: LogLine): readonly LogLine[];
  /** Keyturn's own events about a version. */
  domainEvents(versionId: string): readonly DomainEvent[];
}

/** Events of Keyturn's own source that tell handlers to do something, and are no domain events. */
const FOR_HANDLERS: ReadonlySet<string> = new Set([CREDENTIAL_ROTATED, RECONCILE_CONTINUED]);

export function observe(run: LocalRun): Observations {
  const notices: Notice[] = [];
  const reports: Report[] = [];
  const unreadable: string[] = [];
  const alarms: { name: string; state: string }[] = [];
  const domainEvents: DomainEvent[] = [];
  const lines: { group: string; text: string }[] = [];
  const texts: string[] = [];

  run.events.on("published", ({ topic, payload }) => {
    texts.push(payload);
    // What a test forges must not throw within the broker.
    try {
      if (topic.startsWith(`${run.topicPrefix}/notices/`)) notices.push(parseNotice(payload));
      if (topic.startsWith(`${run.topicPrefix}/reports/`)) reports.push(parseReport(JSON.parse(payload)));
    } catch (error) {
      unreadable.push(`${topic}: ${payload}: ${error}`);
    }
  });
  run.events.on("bus", (event) => {
    texts.push(JSON.stringify(event));
    const isForHandlers = FOR_HANDLERS.has(event["detail-type"]);
    if (event.source === run.eventSource && !isForHandlers) domainEvents.push(parseDomainEvent(event));
  });
  run.events.on("alarm", ({ name, state }) => alarms.push({ name, state }));
  run.events.on("log", (line) => {
    lines.push(line);
    texts.push(line.text);
  });

  const linesOf = (group: string) => lines.filter((line) => line.group === group).map(({ text }) => text);
  return {
    notices,
    reports,
    unreadable,
    alarms,
    texts,
    taskLines: (family) => linesOf(`/ecs/${family}`),
    logsOf: (functionName, about = {}) =>
      linesOf(`/aws/lambda/keyturn-${run.stage}-${functionName}`)
        .flatMap(parseLine)
        .filter((line) => Object.entries(about).every(([field, value]) => line[field] === value)),
    domainEvents: (versionId) => domainEvents.filter(({ detail }) => detail.versionId === versionId),
  };
}

/** A function writes JSON; its runtime may write text. */
function parseLine(text: string): LogLine[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}
