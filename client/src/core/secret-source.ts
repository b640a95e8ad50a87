import {
  GetSecretValueCommand,
  type GetSecretValueCommandInput,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { DependencyError, KeyturnError } from "../../../shared/contract/errors.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";

export const CURRENT = "AWSCURRENT";

/** One version of a secret, with the staging labels that it carried when it was read. */
export interface SecretVersion {
  readonly secretArn: string;
  readonly versionId: string;
  readonly labels: readonly string[];
  readonly value: Redacted;
}

/**
 * Where secrets are read. Errors are `DependencyError` where the same read may succeed later, and another
 * `KeyturnError` where somebody has to mend something first. The signal says that nobody waits for the answer any
 * more; a source may ignore it.
 */
export interface SecretSource {
  /** The version that carries AWSCURRENT. */
  readCurrent(secretId: string, signal?: AbortSignal): Promise<SecretVersion>;
  /** A certain version; undefined where the store does not know it (yet). */
  readVersion(secretId: string, versionId: string, signal?: AbortSignal): Promise<SecretVersion | undefined>;
}

/** Errors of Secrets Manager that no retry mends, with the code and the remedy that Keyturn gives for each. */
const PERMANENT = new Map<string, readonly [code: string, remedy: string]>([
  ["ResourceNotFoundException", ["SECRET_NOT_FOUND", "Check secretId, the account and the region"]],
  [
    "AccessDeniedException",
    ["SECRET_ACCESS_DENIED", "Allow secretsmanager:GetSecretValue on it to the task's role"],
  ],
  ["DecryptionFailure", ["SECRET_UNREADABLE", "Allow kms:Decrypt on the secret's key to the task's role"]],
  ["InvalidRequestException", ["SECRET_UNREADABLE", "It may be marked for deletion, or have no value yet"]],
  ["InvalidParameterException", ["SECRET_UNREADABLE", "Check secretId"]],
]);

/**
 * Reads AWS Secrets Manager. Endpoint, region and credentials come from the SDK's standard environment.
 *
 * @example const source = createSecretsManagerSource(new SecretsManagerClient({}));
 */
export function createSecretsManagerSource(client: SecretsManagerClient): SecretSource {
  async function read(
    input: GetSecretValueCommandInput,
    abortSignal: AbortSignal | undefined,
  ): Promise<SecretVersion> {
    const { ARN, VersionId, VersionStages, SecretString } = await client.send(
      new GetSecretValueCommand(input),
      abortSignal && { abortSignal },
    );
    if (ARN === undefined || VersionId === undefined || SecretString === undefined) {
      throw new KeyturnError(
        "SECRET_UNREADABLE",
        `Secret ${input.SecretId} has no text value; binary secrets are not read`,
      );
    }
    return {
      secretArn: ARN,
      versionId: VersionId,
      labels: VersionStages ?? [],
      value: new Redacted(SecretString),
    };
  }

  return {
    readCurrent: (secretId, signal) =>
      read({ SecretId: secretId, VersionStage: CURRENT }, signal).catch((error) => {
        throw translate(error, secretId);
      }),
    readVersion: (secretId, versionId, signal) =>
      read({ SecretId: secretId, VersionId: versionId }, signal).catch((error) => {
        if (error instanceof ResourceNotFoundException) return undefined;
        throw translate(error, secretId);
      }),
  };
}

function translate(error: unknown, secretId: string): KeyturnError {
  if (error instanceof KeyturnError) return error;
  const name = error instanceof Error ? error.name : "unknown error";
  const [code, remedy] = PERMANENT.get(name) ?? [];
  if (code === undefined) {
    return new DependencyError(`Secrets Manager did not give secret ${secretId}: ${name}`, { cause: error });
  }
  return new KeyturnError(code, `Secret ${secretId} cannot be read: ${name}. ${remedy}.`, { cause: error });
}
