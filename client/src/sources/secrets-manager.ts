import {
  GetSecretValueCommand,
  type GetSecretValueCommandInput,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { DependencyError, KeyturnError } from "../../../shared/contract/errors.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";
import { CURRENT, PENDING, type SecretSource, type SecretVersion } from "../core/secret-source.ts";

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

  const readIfThere = (
    input: GetSecretValueCommandInput,
    secretId: string,
    signal: AbortSignal | undefined,
  ) =>
    read(input, signal).catch((error) => {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw translate(error, secretId);
    });

  return {
    name: "secrets-manager",
    readCurrent: (secretId, signal) =>
      read({ SecretId: secretId, VersionStage: CURRENT }, signal).catch((error) => {
        throw translate(error, secretId);
      }),
    readVersion: (secretId, versionId, signal) =>
      readIfThere({ SecretId: secretId, VersionId: versionId }, secretId, signal),
    readPending: (secretId, signal) =>
      readIfThere({ SecretId: secretId, VersionStage: PENDING }, secretId, signal),
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
