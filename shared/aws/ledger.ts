import type { Report } from "../contract/report.ts";
import type { CurrentRotation } from "../rotation/current-rotation.ts";

export type Verdict = "accepted" | "rejected" | "unverifiable";

/**
 * One rotation as the ledger knows it. A version that AWSCURRENT is moved back to is a rotation of its own:
 * its old notice and verdict say nothing of today.
 */
export interface RotationRecord {
  readonly secretArn: string;
  readonly versionId: string;
  /** When the version became current, ISO 8601; the same for everybody who asks, whichever source told first. */
  readonly currentSince: string;
  readonly noticedAt?: string;
  readonly verdict?: Verdict;
}

/** What is known of one instance and one secret. */
export interface InstanceRecord {
  readonly instanceId: string;
  readonly service: string;
  /** Version in use; absent where the instance has only ever rejected one. */
  readonly versionId?: string;
  readonly swappedAt?: string;
  readonly rejectedVersionId?: string;
  readonly rejectedAt?: string;
}

/** Who runs on what, and what was decided. Every write is conditional, so that a repeated or late message changes nothing. */
export interface Ledger {
  /** The record of this rotation, begun where it is not there yet. */
  openRotation(rotation: CurrentRotation): Promise<RotationRecord>;
  /** When the version became current, as far as anybody has told. */
  readCurrentSince(secretArn: string, versionId: string): Promise<string | undefined>;
  recordNotice(rotation: RotationRecord, noticedAt: Date): Promise<void>;
  /** The first verdict on a rotation stands. */
  recordVerdict(rotation: RotationRecord, verdict: Verdict, decidedAt: Date, reason?: string): Promise<void>;
  readInstance(secretArn: string, instanceId: string): Promise<InstanceRecord | undefined>;
  listInstances(secretArn: string): Promise<InstanceRecord[]>;
  /** Keeps the report unless a newer one of the same outcome is there. */
  recordReport(report: Report): Promise<void>;
  /**
   * Gives one claimant a rotation and service the right to act; another only where the first has not finished within the lease.
   *
   * @param decision what the claimant is about to do
   * @param claimant what is handling it, such as a message's id: the same one may ask again after a crash
   * @param leaseMs how long a claim that was never finished keeps others out
   * @returns what the first who claimed was about to do; undefined where somebody else acts, or has acted
   */
  claimDecision(
    rotation: RotationRecord,
    serviceArn: string,
    decision: string,
    claimant: string,
    now: Date,
    leaseMs: number,
  ): Promise<string | undefined>;
  finishDecision(rotation: RotationRecord, serviceArn: string, decision: string, now: Date): Promise<void>;
  /** True for the first claimant of a key, however often it asks. */
  claimMeasurement(secretArn: string, key: string, claimant: string, now: Date): Promise<boolean>;
}
