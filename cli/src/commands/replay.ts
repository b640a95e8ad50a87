import type { DeadLetters } from "../aws/dead-letters.ts";
import { CommandError } from "../command-error.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { secretName, shortVersion } from "../format/names.ts";
import { plural } from "../format/plural.ts";
import { formatTable } from "../format/table.ts";
import type { Stage } from "../place/place.ts";
import { findQueue, HANDLER_OF, QUEUES, type QueueName } from "../place/stage-names.ts";
import { type DeadLetterReason, explainDeadLetter } from "./dead-letter-reason.ts";
import type { Say } from "./say.ts";

export interface ReplayPorts {
  readonly deadLetters: DeadLetters;
  readonly signal: AbortSignal;
}

export interface ReplayOptions {
  /** Of a queue, its dead-letter queue or its handler. */
  readonly queue: string;
  readonly dryRun?: boolean | undefined;
}

/** As many as one call of SQS shows. */
const SHOWN = 10;

/** Sends dead letters back to the queue that they came from. */
export async function replayDeadLetters(
  { queue: given, dryRun = false }: ReplayOptions,
  stage: Stage,
  { deadLetters, signal }: ReplayPorts,
  say: Say,
): Promise<ExitCode> {
  const { names, suggest } = stage;
  const queue = findQueue(given, names);
  if (!queue) {
    throw new CommandError(
      "QUEUE_UNKNOWN",
      EXIT.usage,
      `There is no queue ${given}. Give one of ${QUEUES.join(", ")}.`,
    );
  }
  const { deadLetters: count } = await deadLetters.depth(queue);
  if (dryRun || count === 0) {
    const letters = count > 0 ? await deadLetters.peek(queue, SHOWN) : [];
    const reasons = letters.map((letter) => explainDeadLetter(queue, letter));
    say.result({ queue: names.deadLetters(queue), count, shown: reasons }, () =>
      formatDeadLetters(queue, count, reasons, stage),
    );
    return EXIT.ok;
  }
  let soFar = 0;
  const onMoved = (moved: number) => {
    soFar = moved;
    say.progress(`${moved} of ${count} sent back`);
  };
  const moved = await deadLetters.moveBack(queue, onMoved, signal).catch((error) => {
    if (signal.aborted) {
      const rest = deadLetters.goesOnAlone ? "SQS goes on with the others" : "The others stay where they are";
      const look = suggest.keyturn("replay", queue, "--dry-run");
      say.note(`${soFar} of ${count} were sent back. ${rest}: ${look} shows what is left.`);
    }
    throw error;
  });
  say.result({ queue: names.deadLetters(queue), moved }, () => [
    `${plural(moved, "message")} sent back to ${names.queue(queue)}. What fails again comes back here; ${suggest.keyturn("doctor")} says so.`,
  ]);
  return EXIT.ok;
}

export function formatDeadLetters(
  queue: QueueName,
  count: number,
  reasons: readonly DeadLetterReason[],
  { names, suggest }: Stage,
): string[] {
  if (count === 0) return [`${names.deadLetters(queue)} is empty.`];
  const table = formatTable(
    ["MESSAGE", "SENT", "SECRET", "VERSION", "AGAIN", "REASON"],
    reasons.map(({ messageId, sentAt = "–", secretArn, versionId, canSucceed, reason }) => [
      messageId,
      sentAt,
      secretArn ? secretName(secretArn) : "–",
      shortVersion(versionId),
      canSucceed ? "may succeed" : "fails",
      reason,
    ]),
  );
  return [
    `${plural(count, "message")} in ${names.deadLetters(queue)}, given up by ${HANDLER_OF[queue]}${count > reasons.length ? `; the first ${reasons.length}:` : ":"}`,
    ...table,
    `${suggest.keyturn("replay", queue)} sends ${count === 1 ? "it" : "all of them"} back.`,
  ];
}
