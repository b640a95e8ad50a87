import { AwsError } from "../aws-error.ts";
import type { AwsPlace } from "../service.ts";
import { partialSecretArn, secretArn } from "./secret-arn.ts";
import { createSecretVersions, type SecretVersions } from "./secret-versions.ts";

export interface SecretTag {
  readonly Key: string;
  readonly Value: string;
}

/** A secret and what its operations change. */
export interface Secret {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: Date;
  readonly versions: SecretVersions;
  readonly tags: Map<string, string>;
  description?: string;
  kmsKeyId?: string;
  lastChangedAt: Date;
  lastAccessedAt?: Date;
  /** Set while the secret is scheduled for deletion; it is gone from then on. */
  deleteAt?: Date;
}

export interface SecretStore {
  /** @throws AwsError ResourceExistsException, InvalidRequestException while the name waits for deletion */
  create(name: string): Secret;
  /** By name, ARN or partial ARN. */
  find(secretId: string): Secret | undefined;
  /**
   * The same, for operations that a secret in deletion refuses.
   *
   * @throws AwsError ResourceNotFoundException, InvalidRequestException
   */
  require(secretId: string): Secret;
  remove(secret: Secret): void;
  /** In the order of creation, with those that wait for deletion. */
  list(): readonly Secret[];
  /** The ARN that a policy is checked against, also for a secret that does not exist. */
  arnFor(secretId: string): string;
}

export function createSecretStore(place: AwsPlace, now: () => Date): SecretStore {
  const secrets = new Map<string, Secret>();

  const dropDeleted = (): void => {
    for (const secret of secrets.values()) {
      if (secret.deleteAt && secret.deleteAt <= now()) secrets.delete(secret.name);
    }
  };

  const find = (secretId: string): Secret | undefined => {
    dropDeleted();
    return (
      secrets.get(secretId) ??
      [...secrets.values()].find(
        ({ arn, name }) => arn === secretId || partialSecretArn(place, name) === secretId,
      )
    );
  };

  return {
    find,

    create(name) {
      const existing = find(name);
      if (existing?.deleteAt) {
        throw new AwsError(
          "InvalidRequestException",
          "You can't create this secret because a secret with this name is already scheduled for deletion.",
        );
      }
      if (existing) {
        throw new AwsError(
          "ResourceExistsException",
          `The operation failed because the secret ${name} already exists.`,
        );
      }
      const arn = secretArn(place, name);
      const createdAt = now();
      const versions = createSecretVersions(arn, now);
      const secret: Secret = { name, arn, createdAt, versions, tags: new Map(), lastChangedAt: createdAt };
      secrets.set(name, secret);
      return secret;
    },

    require(secretId) {
      const secret = find(secretId);
      if (!secret) {
        throw new AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
      }
      if (secret.deleteAt) {
        throw new AwsError(
          "InvalidRequestException",
          "You can't perform this operation on the secret because it was marked for deletion.",
        );
      }
      return secret;
    },

    remove(secret) {
      secrets.delete(secret.name);
    },

    list() {
      dropDeleted();
      return [...secrets.values()];
    },

    arnFor(secretId) {
      return (
        find(secretId)?.arn ?? (secretId.startsWith("arn:") ? secretId : partialSecretArn(place, secretId))
      );
    },
  };
}
