/** Everything that can tell of a rotation; `docs/sources.md` says how each is known, and what it is good for. */
export const ROTATION_SOURCES = [
  "label-updated",
  "rotation-succeeded",
  "put-secret-value",
  "update-secret",
  "update-version-stage",
  "credentials-reset",
  "parameter-changed",
  "credential-rotated",
  "reconcile",
] as const;
export type RotationSource = (typeof ROTATION_SOURCES)[number];

/** One rotation as Keyturn sees it, whichever source told of it. */
export interface RotationEvent {
  /**
   * What the source names: the secret by its ARN, by its name (CloudTrail, an event of one's own) or by an id of one's
   * own. For `credentials-reset` it is the ARN of the database, whose secret is still to be found.
   */
  readonly secretArn: string;
  /** Absent where the source names no version (RotationSucceeded): whoever acts resolves it by DescribeSecret. */
  readonly versionId?: string;
  readonly source: RotationSource;
  /** When it happened. EventBridge gives whole seconds. */
  readonly occurredAt: string;
}

/**
 * Whether a sign from this source is of a move of AWSCURRENT that is known to have happened at its time. Only such a
 * sign tells that a version that had been current before has become so once more.
 */
export function tellsOfMove(source: RotationSource): boolean {
  return source === "label-updated" || source === "update-version-stage" || source === "reconcile";
}
