import { AwsError } from "../aws-error.ts";

/** A value as the API carries it; binary values are base64. */
export type SecretValue = { readonly SecretString: string } | { readonly SecretBinary: string };

export interface SecretVersion {
  /** The ClientRequestToken that created it. */
  readonly id: string;
  readonly createdAt: Date;
  readonly value: SecretValue;
  readonly stages: readonly string[];
}

/** A staging label was attached to a version. */
export interface LabelMove {
  readonly stage: string;
  readonly versionId: string;
}

export interface StageChange {
  readonly stage: string;
  readonly moveTo?: string | undefined;
  readonly removeFrom?: string | undefined;
}

/** The versions of one secret, and the rules by which their staging labels move. */
export interface SecretVersions {
  /**
   * Adds a version and attaches labels to it. The same id with the same value changes nothing.
   *
   * @throws AwsError ResourceExistsException where the id is taken by another value
   */
  add(version: {
    readonly id: string;
    readonly value: SecretValue;
    readonly stages: readonly string[];
  }): readonly LabelMove[];
  /** @throws AwsError InvalidParameterException, ResourceNotFoundException by the rules of UpdateSecretVersionStage */
  moveStage(change: StageChange): readonly LabelMove[];
  /** @throws AwsError ResourceNotFoundException; InvalidRequestException where id and stage name different versions */
  find(wanted: {
    readonly versionId?: string | undefined;
    readonly stage?: string | undefined;
  }): SecretVersion;
  /** Oldest first, also those without a label. */
  list(): readonly SecretVersion[];
}

const CURRENT = "AWSCURRENT";
const PREVIOUS = "AWSPREVIOUS";

/**
 * Secrets Manager keeps about 100 versions, and all of the last 24 hours. The second half is left out here:
 * a run that rotates for hours must not grow.
 */
const MAX_VERSIONS = 100;

export function createSecretVersions(arn: string, now: () => Date): SecretVersions {
  const versions = new Map<string, SecretVersion & { readonly stages: string[] }>();
  type Version = NonNullable<ReturnType<typeof versions.get>>;

  const holderOf = (stage: string): Version | undefined =>
    [...versions.values()].find(({ stages }) => stages.includes(stage));

  const detach = (stage: string): Version | undefined => {
    const holder = holderOf(stage);
    holder?.stages.splice(holder.stages.indexOf(stage), 1);
    return holder;
  };

  const attach = (stage: string, version: Version): readonly LabelMove[] => {
    if (version.stages.includes(stage)) return [];
    const loser = detach(stage);
    version.stages.push(stage);
    const move = { stage, versionId: version.id };
    return stage === CURRENT && loser ? [move, ...attach(PREVIOUS, loser)] : [move];
  };

  const dropOldest = (): void => {
    for (const { id, stages } of versions.values()) {
      if (versions.size <= MAX_VERSIONS) return;
      if (stages.length === 0) versions.delete(id);
    }
  };

  const get = (id: string): Version => {
    const version = versions.get(id);
    if (!version) {
      throw new AwsError(
        "ResourceNotFoundException",
        `Secrets Manager can't find the specified secret value for VersionId: ${id}`,
      );
    }
    return version;
  };

  return {
    add({ id, value, stages }) {
      const existing = versions.get(id);
      if (existing && isSameValue(existing.value, value)) return [];
      if (existing) {
        throw new AwsError(
          "ResourceExistsException",
          `You can't use ClientRequestToken ${id} because that value is already in use for a version of secret ${arn}.`,
        );
      }
      const version: Version = { id, value, createdAt: now(), stages: [] };
      const labels = new Set(versions.size === 0 ? [CURRENT, ...stages] : stages);
      versions.set(id, version);
      const moves = [...labels].flatMap((stage) => attach(stage, version));
      dropOldest();
      return moves;
    },

    moveStage({ stage, moveTo, removeFrom }) {
      const target = moveTo === undefined ? undefined : get(moveTo);
      const holder = holderOf(stage);
      if (target && target === holder) return [];
      checkRemoveFrom({ stage, removeFrom, moveTo }, holder?.id);
      if (target) return attach(stage, target);
      detach(stage);
      return [];
    },

    find({ versionId, stage }) {
      if (versionId === undefined) {
        const holder = holderOf(stage ?? CURRENT);
        if (holder) return holder;
        throw new AwsError(
          "ResourceNotFoundException",
          `Secrets Manager can't find the specified secret value for staging label: ${stage ?? CURRENT}`,
        );
      }
      const version = get(versionId);
      if (stage !== undefined && !version.stages.includes(stage)) {
        throw new AwsError(
          "InvalidRequestException",
          "You provided a VersionStage that is not associated to the provided VersionId.",
        );
      }
      return version;
    },

    list: () => [...versions.values()],
  };
}

/** Whoever moves a label must name the version that has it, so that two movers cannot undo each other unseen. */
function checkRemoveFrom({ stage, moveTo, removeFrom }: StageChange, holderId: string | undefined): void {
  if (moveTo === undefined && removeFrom === undefined) {
    throw new AwsError(
      "InvalidParameterException",
      "You must specify MoveToVersionId, RemoveFromVersionId, or both.",
    );
  }
  if (holderId !== undefined && removeFrom === undefined) {
    throw new AwsError(
      "InvalidParameterException",
      `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holderId}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  if (removeFrom !== holderId) {
    throw new AwsError(
      "InvalidParameterException",
      `The staging label ${stage} is not attached to version ${removeFrom}, which RemoveFromVersionId names; it is ${
        holderId === undefined ? "attached to no version" : `attached to version ${holderId}`
      }.`,
    );
  }
  if (moveTo === undefined && stage === CURRENT) {
    throw new AwsError(
      "InvalidParameterException",
      "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
    );
  }
}

function isSameValue(left: SecretValue, right: SecretValue): boolean {
  return "SecretString" in left
    ? "SecretString" in right && left.SecretString === right.SecretString
    : "SecretBinary" in right && left.SecretBinary === right.SecretBinary;
}
