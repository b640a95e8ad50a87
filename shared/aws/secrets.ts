import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import pRetry from "p-retry";
import { DependencyError } from "../contract/errors.ts";
import { Redacted } from "../engines/redacted.ts";

/** What Secrets Manager says of a secret, without its value. */
export interface SecretFacts {
  readonly secretArn: string;
  /** Version that carries AWSCURRENT; absent for a secret that never had a value. */
  readonly currentVersionId?: string;
  /** Last change of any kind, to the millisecond. Right after a label move it is the time of that move. */
  readonly lastChangedAt?: Date;
}

/** Reads secrets and what is known of them. */
export interface Secrets {
  /** @throws DependencyError where the secret cannot be found: it may be too new to be seen yet */
  describe(secretArn: string): Promise<SecretFacts>;
  /**
   * The text of one version. Reads are eventually consistent, so a version that is not there is asked for again for about two seconds.
   * @throws DependencyError where it still is not there, or holds no text
   */
  read(secretArn: string, versionId: string): Promise<Redacted>;
}

export function createSecrets(client: SecretsManagerClient): Secrets {
  return {
    async describe(secretArn) {
      const answer = await client.send(new DescribeSecretCommand({ SecretId: secretArn })).catch((cause) => {
        if (!(cause instanceof ResourceNotFoundException)) throw cause;
        throw new DependencyError("The secret was not found; it was deleted, or is too new to be seen", {
          cause,
          details: { secretArn },
        });
      });
      const current = Object.entries(answer.VersionIdsToStages ?? {}).find(([, stages]) =>
        stages.includes("AWSCURRENT"),
      );
      return {
        secretArn: answer.ARN ?? secretArn,
        ...(current && { currentVersionId: current[0] }),
        ...(answer.LastChangedDate && { lastChangedAt: answer.LastChangedDate }),
      };
    },

    async read(secretArn, versionId) {
      const get = () => client.send(new GetSecretValueCommand({ SecretId: secretArn, VersionId: versionId }));
      const answer = await pRetry(get, {
        retries: 4,
        minTimeout: 150,
        randomize: true,
        shouldRetry: ({ error }) => error instanceof ResourceNotFoundException,
      }).catch((cause) => {
        if (!(cause instanceof ResourceNotFoundException)) throw cause;
        throw new DependencyError("The version cannot be read yet", {
          cause,
          details: { secretArn, versionId },
        });
      });
      if (answer.SecretString === undefined) {
        throw new DependencyError("The version holds bytes, not text", { details: { secretArn, versionId } });
      }
      return new Redacted(answer.SecretString);
    },
  };
}
