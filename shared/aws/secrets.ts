import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  ResourceNotFoundException,
  type SecretListEntry,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import pRetry from "p-retry";
import { DependencyError } from "../contract/errors.ts";
import { kindOfSecret } from "../contract/secret-id.ts";
import { Redacted } from "../engines/redacted.ts";
import { EVERYTHING, isWatched, type Watch } from "../rotation/watch.ts";

/** What Secrets Manager says of a secret, without its value. */
export interface SecretFacts {
  readonly secretArn: string;
  /** Version that carries AWSCURRENT; absent for a secret that never had a value. */
  readonly currentVersionId?: string;
  /** Version that carries AWSPREVIOUS. */
  readonly previousVersionId?: string;
  /** Version that carries AWSPENDING: a rotation to it is under way, or has ended there. */
  readonly pendingVersionId?: string;
  /** Last change of any kind, to the millisecond. Right after a label move it is the time of that move. */
  readonly lastChangedAt?: Date;
  readonly tags?: Readonly<Record<string, string>>;
  /** False where the configuration leaves the secret out. */
  readonly isWatched?: boolean;
}

/** Reads secrets and what is known of them. Reads are eventually consistent. */
export interface Secrets {
  /**
   * Asks again for about two seconds while the answer does not satisfy, and gives the last one then:
   * undefined for a secret that is not there, or is on its way out. Of one that is not kept in Secrets Manager
   * it knows no versions, and asks nobody.
   *
   * @param secretId ARN, name or an id of one's own; the facts have the ARN
   */
  describe(
    secretId: string,
    isSettled: (facts: SecretFacts | undefined) => boolean,
  ): Promise<SecretFacts | undefined>;
  /**
   * The text of one version, asked for again for about two seconds; undefined where it holds bytes, or is not
   * kept in Secrets Manager.
   * @throws DependencyError where it still is not there
   */
  read(secretArn: string, versionId: string): Promise<Redacted | undefined>;
}

/** In milliseconds: 100, 200, 400, 800, half of each at random. */
const consistency = { retries: 4, minTimeout: 100, factor: 2, randomize: true };

class NotSettled extends Error {}

/** @param watch which secrets are followed; all of them by default */
export function createSecrets(client: SecretsManagerClient, watch: Watch = EVERYTHING): Secrets {
  return {
    async describe(secretId, isSettled) {
      if (isKeptElsewhere(secretId)) return { secretArn: secretId, isWatched: isWatched(watch, secretId) };
      let facts: SecretFacts | undefined;
      const look = async () => {
        facts = await describeOnce(client, secretId, watch);
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
      if (isKeptElsewhere(secretArn)) return undefined;
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

/** Names are of Secrets Manager. */
function isKeptElsewhere(secretId: string): boolean {
  const kind = kindOfSecret(secretId);
  return kind === "parameter" || kind === "elsewhere";
}

async function describeOnce(
  client: SecretsManagerClient,
  secretId: string,
  watch: Watch,
): Promise<SecretFacts | undefined> {
  const answer = await client.send(new DescribeSecretCommand({ SecretId: secretId })).catch((error) => {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  });
  if (!answer || answer.DeletedDate) return undefined;
  return secretFacts({ ...answer, ARN: answer.ARN ?? secretId }, answer.VersionIdsToStages, watch);
}

/** The facts in what DescribeSecret, or a line of ListSecrets, tells; the two name the map of labels differently. */
export function secretFacts(
  {
    ARN: secretArn = "",
    Tags = [],
    LastChangedDate,
  }: Pick<SecretListEntry, "ARN" | "Tags" | "LastChangedDate">,
  labels: Readonly<Record<string, readonly string[]>> | undefined,
  watch: Watch,
): SecretFacts {
  const versionWith = (label: string) =>
    Object.entries(labels ?? {}).find(([, ofVersion]) => ofVersion.includes(label))?.[0];
  const [currentVersionId, previousVersionId] = [versionWith("AWSCURRENT"), versionWith("AWSPREVIOUS")];
  const pendingVersionId = versionWith("AWSPENDING");
  const tags = Object.fromEntries(Tags.flatMap(({ Key, Value }) => (Key ? [[Key, Value ?? ""]] : [])));
  return {
    secretArn,
    ...(currentVersionId && { currentVersionId }),
    ...(previousVersionId && { previousVersionId }),
    ...(pendingVersionId && { pendingVersionId }),
    ...(LastChangedDate && { lastChangedAt: LastChangedDate }),
    tags,
    isWatched: isWatched(watch, secretArn, tags),
  };
}
