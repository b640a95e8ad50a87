import {
  DescribeSecretCommand,
  type DescribeSecretCommandOutput,
  InvalidRequestException,
  PutSecretValueCommand,
  ResourceNotFoundException,
  RotateSecretCommand,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { kindOfSecret } from "../../../shared/contract/secret-id.ts";
import type { Redacted } from "../../../shared/engines/redacted.ts";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";

/** What Secrets Manager says of a secret, as far as an operator asks. */
export interface SecretSummary {
  readonly secretArn: string;
  /** Version that carries AWSCURRENT. */
  readonly currentVersionId?: string;
  /** Version of a rotation that has begun and not ended. */
  readonly pendingVersionId?: string;
  /** Whether RotateSecret does anything: by a function, or by the service that owns the secret. */
  readonly canRotate: boolean;
}

export interface SecretDirectory {
  /**
   * @param secretId name or ARN; an id of one's own is given back as it is
   * @returns undefined for a secret that is not there
   */
  find(secretId: string): Promise<SecretSummary | undefined>;
  /**
   * Begins a rotation by the secret's rotation function. @returns the version that it makes
   * @throws CommandError where one is under way already
   */
  rotate(secretArn: string): Promise<string>;
  /** Makes a value current that its store takes already. @returns the version */
  put(secretArn: string, value: Redacted): Promise<string>;
}

export function createSecretDirectory(client: SecretsManagerClient): SecretDirectory {
  return {
    async find(secretId) {
      const kind = kindOfSecret(secretId);
      if (kind === "parameter" || kind === "elsewhere") return { secretArn: secretId, canRotate: false };
      const answer = await client.send(new DescribeSecretCommand({ SecretId: secretId })).catch((error) => {
        if (error instanceof ResourceNotFoundException) return undefined;
        throw error;
      });
      return answer && summaryOf(secretId, answer);
    },

    async rotate(SecretId) {
      const { VersionId } = await client.send(new RotateSecretCommand({ SecretId })).catch((error) => {
        if (!(error instanceof InvalidRequestException)) throw error;
        throw new CommandError(
          "ROTATION_REFUSED",
          EXIT.notWell,
          `Secrets Manager does not begin the rotation: ${error.message} Where an earlier rotation hangs, look at the log of its function; docs/cli.md says how to end it.`,
          { cause: error },
        );
      });
      return requireVersion(VersionId);
    },

    async put(SecretId, value) {
      const { VersionId } = await client.send(
        new PutSecretValueCommand({ SecretId, SecretString: value.reveal() }),
      );
      return requireVersion(VersionId);
    },
  };
}

function summaryOf(secretId: string, answer: DescribeSecretCommandOutput): SecretSummary {
  const versionWith = (label: string) =>
    Object.entries(answer.VersionIdsToStages ?? {}).find(([, labels]) => labels.includes(label))?.[0];
  const [current, pending] = [versionWith("AWSCURRENT"), versionWith("AWSPENDING")];
  return {
    secretArn: answer.ARN ?? secretId,
    ...(current && { currentVersionId: current }),
    // It stays on the version after the end, beside AWSCURRENT.
    ...(pending && pending !== current && { pendingVersionId: pending }),
    canRotate: answer.RotationEnabled === true,
  };
}

function requireVersion(versionId: string | undefined): string {
  if (versionId === undefined) throw new Error("Secrets Manager answered without a version");
  return versionId;
}
