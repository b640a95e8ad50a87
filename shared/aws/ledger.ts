import type { Report, SwapTimings } from "../contract/report.ts";
import type { CurrentRotation } from "../rotation/current-rotation.ts";

/**
 * What a login with the new credential showed. "accepted" and "rejected" decide; "unverifiable" (the secret does not say
 * which store it opens) and "unreachable" (the store never answered) leave the question open.
 */
export type Verdict = "accepted" | "rejected" | "unverifiable" | "unreachable";

/** What makes two messages speak of the same rotation. */
export interface RotationKey {
  readonly secretArn: string;
  readonly versionId: string;
  /** When the version became current, ISO 8601; the same for everybody who asks, whichever source told first. */
  readonly currentSince: string;
}

/**
 * One rotation as the ledger knows it. A version that AWSCURRENT is moved back to is a rotation of its own:
 * its old notice and verdict say nothing of today.
 */
export interface RotationRecord extends RotationKey {
  /** The source that told first. */
  readonly detectedBy: string;
  readonly noticedAt?: string;
  readonly verdict?: Verdict;
  /** Version of a newer rotation that the ledger knows of: what told of this one came late, or was read from the past. */
  readonly supersededBy?: string;
}

/** What is known of one instance and one secret. */
export interface InstanceRecord {
  readonly instanceId: string;
  readonly service: string;
  /** Version in use; absent where the instance has only ever rejected one. */
  readonly versionId?: string;
  /** Since when. */
  readonly swappedAt?: string;
  /** What made the instance look for the version in use. */
  readonly trigger?: string;
  /** How long each step of the swap took. */
  readonly timings?: SwapTimings;
  readonly rejectedVersionId?: string;
  readonly rejectedAt?: string;
  /** The store's own code. */
  readonly rejectedCode?: string;
  /** When the last report of any kind arrived, a repeated one too. */
  readonly heardAt?: string;
  /** Since when it should have reported; its next report takes that away. */
  readonly silentSince?: string;
}

/** One rotation with everything that is known of it. */
export interface RotationView extends RotationRecord {
  /** Every source that told of it, in the order in which they did. */
  readonly sources: readonly { readonly source: string; readonly toldAt: string }[];
  readonly decidedAt?: string;
  /** Why the verdict is what it is; absent where the credential was accepted. */
  readonly reason?: string;
  /** Every verdict that there was, with the time and reason of the first of its kind, in their order. */
  readonly verdicts: readonly {
    readonly verdict: Verdict;
    readonly decidedAt: string;
    readonly reason?: string;
  }[];
  /** Swaps to the version by instances that ran already; where newer rotations followed, the last to the second. */
  readonly adoptedFirstAt?: string;
  readonly adoptedLastAt?: string;
  /** When the deadline check last counted who follows; absent before the deadline, when nobody knows who does not report. */
  readonly checkedAt?: string;
  /** Tasks and instances that the check found on the version, and not on it. */
  readonly adoptedAtCheck?: number;
  readonly staleAtCheck?: number;
  /** Tasks without a service that were not on it then, and that never report: no deployment reaches them. */
  readonly unmanagedAtCheck?: number;
  /** Services that waited for their turn then: the check comes back for them. */
  readonly deferredAtCheck?: number;
}

/** What was decided about one service that was behind at the deadline of a rotation. */
export interface DecisionRecord extends RotationKey {
  readonly serviceArn: string;
  /** What whoever claimed the decision was about to do. */
  readonly intent: string;
  readonly claimedAt: string;
  /** Who claimed last, such as a message's id. */
  readonly claimedBy?: string;
  /** What was done: "redeploy", or why not; absent while it is under way, and after a crash. */
  readonly decision?: string;
  readonly decidedAt?: string;
  /** What was decided before: the last of what did not stand for good. */
  readonly earlierDecision?: string;
  readonly earlierDecidedAt?: string;
  /** ECS's id of the deployment that was forced. */
  readonly deploymentId?: string;
  readonly deploymentOutcome?: DeploymentOutcome;
  readonly deploymentEndedAt?: string;
}

export type DeploymentOutcome = "completed" | "failed";

/** Everything about one secret, newest first. */
export interface SecretView {
  readonly secretArn: string;
  /** The newest rotation; absent where there was none while Keyturn watched. */
  readonly current?: RotationView;
  readonly rotations: readonly RotationView[];
  /** By service, then by id. */
  readonly instances: readonly InstanceRecord[];
  readonly decisions: readonly DecisionRecord[];
}

/** A line of a secret's history. It names who and which version, and never a value. */
export type HistoryEntry = { readonly at: string; readonly versionId: string } & (
  | { readonly what: "rotated" | "seen-again"; readonly source: string }
  | { readonly what: "noticed" }
  | { readonly what: "verified"; readonly verdict: Verdict; readonly reason?: string }
  | {
      readonly what: "adopted";
      readonly instanceId: string;
      readonly service: string;
      readonly trigger: string;
    }
  | {
      readonly what: "refused";
      readonly instanceId: string;
      readonly service: string;
      readonly code: string;
    }
  | { readonly what: "redeployed"; readonly serviceArn: string }
  /** A handler claimed the decision and has not finished, or never will. */
  | { readonly what: "undecided"; readonly serviceArn: string; readonly intent: string }
  | { readonly what: "withheld"; readonly serviceArn: string; readonly reason: string }
  | {
      readonly what: "deployment-ended";
      readonly serviceArn: string;
      readonly outcome: DeploymentOutcome;
    }
);

/** A secret that was rotated, or on which somebody reported, while Keyturn watched; with its newest rotation. */
export interface KnownSecret extends Partial<Omit<RotationKey, "secretArn">> {
  readonly secretArn: string;
  /** Since when it was found to be deleted, or about to be. */
  readonly goneSince?: string;
}

/** Whether there was a rotation. */
export function isRotated(secret: KnownSecret): secret is KnownSecret & RotationKey {
  return secret.currentSince !== undefined && secret.versionId !== undefined;
}

/** Who runs on what, and what was decided. Every write is conditional, so that a repeated or late message changes nothing. */
export interface Ledger {
  /**
   * The record of this rotation, begun where it is not there yet; notes the source.
   *
   * A sign of a move at its own time (`tellsOfMove`) that is newer than what the ledger knows of the version begins a
   * rotation of its own; so does any newer sign where another version was current in between.
   */
  openRotation(rotation: CurrentRotation): Promise<RotationRecord>;
  /** Everything that is known of one rotation. */
  readRotation(rotation: RotationKey): Promise<RotationView | undefined>;
  /** When the version became current; undefined where it is not the newest that anybody told of. */
  readCurrentSince(secretArn: string, versionId: string): Promise<string | undefined>;
  /**
   * The newest rotations, with their verdicts, of the secrets that an id may mean: one for an ARN or an id of one's own;
   * for an ARN without its six random characters as many as there were secrets of that name.
   */
  findNewest(secretId: string): Promise<readonly RotationRecord[]>;
  /** The first notice of a rotation stands. */
  recordNotice(rotation: RotationKey, noticedAt: Date): Promise<void>;
  /**
   * "accepted" stands. Each other verdict gives way to a later one, since a login that works proves more than one that
   * did not; but what leaves the question open never takes the place of "rejected".
   *
   * @returns whether it was recorded: false where the verdict that is there stays, or the rotation is not known
   */
  recordVerdict(rotation: RotationKey, verdict: Verdict, decidedAt: Date, reason?: string): Promise<boolean>;
  /** Notes that the deadline check of a rotation has counted who follows; the newest check stands. */
  recordCheck(
    rotation: RotationKey,
    checkedAt: Date,
    result: {
      readonly adopted: number;
      readonly stale: number;
      readonly deferred?: number;
      readonly unmanaged?: number;
    },
  ): Promise<void>;
  /** Has {@link listSecrets} name a secret on which somebody reports, though it was never rotated, for as long as they do. */
  recordSecret(secretArn: string): Promise<void>;
  /** Marks a known secret as gone, or takes the mark away, as its next rotation does. */
  recordPresence(secretArn: string, goneSince: Date | undefined): Promise<void>;
  readInstance(secretArn: string, instanceId: string): Promise<InstanceRecord | undefined>;
  listInstances(secretArn: string): Promise<InstanceRecord[]>;
  /**
   * Keeps the report for the instance unless a newer one of the same outcome is there, and for the history in any case.
   *
   * @param currentSince of the rotation that the instance follows, where that is known
   */
  recordReport(report: Report, currentSince?: string): Promise<void>;
  /** Marks an instance that has not been heard of since it was read. */
  markSilent(
    secretArn: string,
    instance: Pick<InstanceRecord, "instanceId" | "heardAt">,
    silentSince: string,
  ): Promise<void>;
  /** Notes that an instance that is known lives, at a report that says nothing new. */
  recordHeard(secretArn: string, instanceId: string): Promise<void>;
  /**
   * Gives one claimant a rotation and service the right to act; another only where the first has not finished within the
   * lease. A finished decision that was for want of a good credential, or of time, gives way to a dry run's, and each of these
   * to any other kind. Of a claim to redeploy nobody knows what came of it: only who has looked may take it for anything else.
   *
   * @param intent what the claimant is about to do
   * @param claimant what is handling it, such as a message's id: the same one may ask again after a crash
   * @param leaseMs how long a claim that was never finished keeps others out
   * @param seenAt `claimedAt` of the claim to redeploy of which the claimant has seen what came of it
   * @returns false where somebody else acts, or has acted
   */
  claimDecision(
    rotation: RotationKey,
    serviceArn: string,
    intent: string,
    claimant: string,
    now: Date,
    leaseMs: number,
    seenAt?: string,
  ): Promise<boolean>;
  /** @param deploymentId of the deployment that was forced, by which {@link findRedeploys} finds the decision */
  finishDecision(
    rotation: RotationKey,
    serviceArn: string,
    decision: string,
    now: Date,
    deploymentId?: string,
  ): Promise<void>;
  /** All decisions of one rotation, those that were claimed and not finished too. */
  listDecisions(rotation: RotationKey): Promise<DecisionRecord[]>;
  /** The decisions that one deployment carries out: as many as secrets it brings to the service. */
  findRedeploys(deploymentId: string): Promise<DecisionRecord[]>;
  /** The first outcome of a deployment stands. @returns false where one was there already */
  recordDeployment(
    decision: RotationKey & Pick<DecisionRecord, "serviceArn">,
    outcome: DeploymentOutcome,
    endedAt: Date,
  ): Promise<boolean>;
  /** True for the first claimant of a key, however often it asks. */
  claimMeasurement(secretArn: string, key: string, claimant: string, now: Date): Promise<boolean>;
  /** Everything about one secret, by one query. Empty where the ledger knows nothing. */
  readSecret(secretArn: string): Promise<SecretView>;
  /** Every secret that was rotated in the last 400 days, or on which somebody reported in the last 30; those that are gone too. */
  listSecrets(): AsyncIterable<KnownSecret>;
  /**
   * What happened to a secret, oldest first, as far back as 400 days.
   *
   * @example await ledger.readHistory(secretArn, { since: new Date("2026-11-01") })
   */
  readHistory(secretArn: string, range?: { readonly since?: Date }): Promise<HistoryEntry[]>;
}
