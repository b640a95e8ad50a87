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
  /** Version that carries AWSPREVIOUS. */
  readonly previousVersionId?: string;
  /** Last change of any kind, to the millisecond. Right after a label move it is the time of that move. */
  readonly lastChangedAt?: Date;
}

/** Reads secrets and what is known of them. Reads are eventually consistent. */
export interface Secrets {
  /**
   * Asks again for about two seconds while the answer does not satisfy, and gives the last one then:
   * undefined for a secret that is not there, or is on its way out.
   */
  describe(
    secretArn: string,
    isSettled: (facts: SecretFacts | undefined) => boolean,
  ): Promise<SecretFacts | undefined>;
  /**
   * The text of one version, asked for again for about two seconds; undefined where it holds bytes.
   * @throws DependencyError where it still is not there
   */
  read(secretArn: string, versionId: string): Promise<Redacted | undefined>;
}

/** In milliseconds: 100, 200, 400, 800, half of each at random. */
const consistency = { retries: 4, minTimeout: 100, factor: 2, randomize: true };

class NotSettled extends Error {}

export function createSecrets(client: SecretsManagerClient): Secrets {
  return {
    async describe(secretArn, isSettled) {
      let facts: SecretFacts | undefined;
      const look = async () => {
        facts = await describeOnce(client, secretArn);
        if (!isSettled(facts)) throw new NotSettled();
      };
      await pRetry(look, { ...consistency, shouldRetry: ({ error }) => error instanceof NotSettled }).catch(
        (error) => {
          if (!(error instanceof NotSettled)) throw error;
        },
      );
      return facts;
    },

    async read(secretArn, versionId) {
      const get = () => client.send(new GetSecretValueCommand({ SecretId: secretArn, VersionId: versionId }));
      const answer = await pRetry(get, {
        ...consistency,
        shouldRetry: ({ error }) => error instanceof ResourceNotFoundException,
      }).catch((cause) => {
        if (!(cause instanceof ResourceNotFoundException)) throw cause;
        throw new DependencyError("The version cannot be read yet", {
          cause,
          details: { secretArn, versionId },
        });
      });
      return answer.SecretString === undefined ? undefined : new Redacted(answer.SecretString);
    },
  };
}

async function describeOnce(
  client: SecretsManagerClient,
  secretArn: string,
): Promise<SecretFacts | undefined> {
  const answer = await client.send(new DescribeSecretCommand({ SecretId: secretArn })).catch((error) => {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  });
  if (!answer || answer.DeletedDate) return undefined;
  const versionWith = (label: string) =>
    Object.entries(answer.VersionIdsToStages ?? {}).find(([, labels]) => labels.includes(label))?.[0];
  const [currentVersionId, previousVersionId] = [versionWith("AWSCURRENT"), versionWith("AWSPREVIOUS")];
  return {
    secretArn: answer.ARN ?? secretArn,
    ...(currentVersionId && { currentVersionId }),
    ...(previousVersionId && { previousVersionId }),
    ...(answer.LastChangedDate && { lastChangedAt: answer.LastChangedDate }),
  };
}
