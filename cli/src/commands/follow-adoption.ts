import type { Ledger, RotationView } from "../../../shared/aws/ledger.ts";
import type { UnsafeReason } from "../../../shared/rotation/safe-to-rotate.ts";
import type { AdoptionDeadline } from "../aws/adoption-deadline.ts";
import type { SecretDirectory } from "../aws/secrets.ts";
import { describeFailure, isPassing } from "../describe-failure.ts";
import { formatEntry } from "../format/history.ts";
import { secretName } from "../format/names.ts";
import { formatDuration } from "../format/time.ts";
import type { Suggest } from "../place/suggest.ts";
import { describeProgress, describeWait } from "./describe-progress.ts";
import { createHistoryStream } from "./history-stream.ts";
import { type Adoption, type AdoptionPorts, readAdoption } from "./read-adoption.ts";
import type { Say } from "./say.ts";

export interface FollowPorts extends AdoptionPorts {
  readonly ledger: Pick<Ledger, "readSecret" | "readHistory">;
  readonly secrets: Pick<SecretDirectory, "find">;
  readonly deadline: AdoptionDeadline;
  readonly suggest: Suggest;
  /** Rejects when the command is to end. */
  readonly pause: (ms: number) => Promise<void>;
}

export interface FollowOptions {
  readonly secretArn: string;
  /** The version that is on its way. */
  readonly versionId: string;
  readonly startedAt: Date;
  /** The stage's adoption deadline and five minutes, unless given: who does not report is known only after it. */
  readonly timeoutMs?: number | undefined;
  readonly intervalMs: number;
}

/** How it came out, as far as it was followed. */
export interface Followed {
  readonly adoption: Adoption;
  /** "settled": longer waiting changes nothing; "superseded": another version is current by now. */
  readonly outcome: "settled" | "superseded" | "timed-out";
  readonly explanation?: string;
}

/** The operator's clock may be ahead of AWS's: the history is read from a little before, and shown for the version alone. */
const CLOCK_ALLOWANCE_MS = 60_000;
/** For what is redeployed at the deadline. */
const BEYOND_DEADLINE_MS = 300_000;
/** The longest that a stage can have. */
const LONGEST_DEADLINE_MS = 900_000;

/**
 * Shows each step of one rotation as it comes, until it has settled or the time is up. The rotation goes on by itself: what
 * cannot be read for the moment is noted, and read again.
 */
export async function followAdoption(
  options: FollowOptions,
  ports: FollowPorts,
  say: Say,
): Promise<Followed> {
  const { startedAt, intervalMs } = options;
  const deadlineMs = await ports.deadline.read();
  const timeoutMs = options.timeoutMs ?? (deadlineMs ?? LONGEST_DEADLINE_MS) + BEYOND_DEADLINE_MS;
  const elapsedMs = () => ports.now().getTime() - startedAt.getTime();
  const look = createLook(options, deadlineMs, ports, say);
  let last: Adoption | undefined;
  let trouble: string | undefined;
  for (;;) {
    try {
      const { adoption, ended, state } = await look();
      if (ended) return ended;
      last = adoption;
      trouble = undefined;
      say.progress(`${state} (${formatDuration(elapsedMs())})`);
    } catch (error) {
      if (!isPassing(error) || (!last && elapsedMs() >= timeoutMs)) throw error;
      const { message } = describeFailure(error);
      if (message !== trouble) say.note(message);
      trouble = message;
    }
    if (last && elapsedMs() >= timeoutMs) return endTimedOut(last, options, trouble, ports);
    await ports.pause(intervalMs);
  }
}

interface Look {
  readonly adoption: Adoption;
  /** What is waited for. */
  readonly state: string;
  /** Absent while there is something to wait for. */
  readonly ended?: Followed | undefined;
}

/** @returns looks once, and shows what is new */
function createLook(
  { secretArn, versionId, startedAt }: FollowOptions,
  deadlineMs: number | undefined,
  ports: FollowPorts,
  say: Say,
): () => Promise<Look> {
  let isWaitTold = false;
  const since = new Date(startedAt.getTime() - CLOCK_ALLOWANCE_MS);
  const history = createHistoryStream(ports.ledger, secretArn, since, ports.now);
  return async () => {
    const adoption = await readAdoption(secretArn, versionId, ports);
    for (const entry of await history.next()) if (entry.versionId === versionId) say.note(formatEntry(entry));
    const rotation = rotationOf(adoption, versionId);
    // Once as a line that stays, since progress is for terminals alone.
    if (rotation && !isWaitTold && isCheckAllThatIsLeft(adoption.reasons)) {
      say.note(describeWait(adoption, rotation, deadlineMs));
      isWaitTold = true;
    }
    const state = describeProgress(adoption, rotation, deadlineMs);
    return { adoption, state, ended: rotation && endOf(adoption, rotation, ports) };
  };
}

const rotationOf = ({ view }: Adoption, versionId: string) =>
  view.rotations.find((one) => one.versionId === versionId);

/** @param rotation since before anything has told of it, an empty ledger finds nothing against the version */
function endOf(adoption: Adoption, rotation: RotationView, ports: FollowPorts): Followed | undefined {
  const { current } = adoption.view;
  if (current && current.versionId !== rotation.versionId) {
    return endSuperseded(adoption, rotation, current.versionId, ports);
  }
  return isOver(adoption.reasons) ? { adoption, outcome: "settled" } : undefined;
}

/** @param trouble why the ledger could not be read at last */
async function endTimedOut(
  adoption: Adoption,
  { secretArn, versionId }: FollowOptions,
  trouble: string | undefined,
  ports: FollowPorts,
): Promise<Followed> {
  const explanation = trouble ?? (await explainTimeout(secretArn, versionId, ports));
  return {
    adoption: rotationOf(adoption, versionId) ? adoption : withUnknown(adoption, versionId),
    outcome: "timed-out",
    ...(explanation && { explanation }),
  };
}

/** Whether waiting longer changes nothing. */
export function isOver(reasons: readonly UnsafeReason[]): boolean {
  if (reasons.some(({ code }) => code === "credential-rejected")) return true;
  // A service that is behind and was left alone stays so, and its instances with it; so do silent ones.
  const silent = new Set(reasons.flatMap((one) => (one.code === "instance-silent" ? [one.instanceId] : [])));
  const isLeftAlone = reasons.some(({ code }) => code === "service-behind");
  return !reasons.some((reason) => {
    switch (reason.code) {
      case "rotation-not-known":
      case "verdict-missing":
      case "redeploy-under-way":
      case "adoption-not-checked":
        return true;
      case "instance-behind":
        return !isLeftAlone && !silent.has(reason.instanceId);
      default:
        return false;
    }
  });
}

/** Whether everybody who reports has followed. */
function isCheckAllThatIsLeft(reasons: readonly UnsafeReason[]): boolean {
  return reasons.length > 0 && reasons.every(({ code }) => code === "adoption-not-checked");
}

/** Another rotation came in between; or the store refused the version, and the one before was restored. */
function endSuperseded(
  adoption: Adoption,
  { secretArn, versionId, verdict }: RotationView,
  currentVersionId: string,
  { suggest }: FollowPorts,
): Followed {
  const reasons = verdict === "rejected" ? [{ code: "credential-rejected", versionId } as const] : [];
  return {
    // What stands against the version that is current is another question.
    adoption: { ...adoption, reasons },
    outcome: "superseded",
    explanation: `By now version ${currentVersionId} is current: ${suggest.keyturn("status", secretName(secretArn))} shows who runs on it.`,
  };
}

function withUnknown(adoption: Adoption, versionId: string): Adoption {
  const isTold = adoption.reasons.some(({ code }) => code === "rotation-not-known");
  return isTold
    ? adoption
    : { ...adoption, reasons: [{ code: "rotation-not-known", versionId }, ...adoption.reasons] };
}

async function explainTimeout(
  secretArn: string,
  versionId: string,
  { secrets }: FollowPorts,
): Promise<string | undefined> {
  const secret = await secrets.find(secretArn).catch((error) => {
    if (!isPassing(error)) throw error;
    return "unknown" as const;
  });
  if (secret === "unknown") return undefined;
  if (secret?.currentVersionId === versionId) return undefined;
  return secret?.pendingVersionId === versionId
    ? "The version still waits as AWSPENDING: the rotation function has not finished. Its log says why."
    : "The version is neither current nor pending: another rotation came in between.";
}
