import { GetParameterCommand, type SSMClient } from "@aws-sdk/client-ssm";
import { DependencyError, KeyturnError } from "../../../shared/contract/errors.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";
import { CURRENT, type SecretSource, type SecretVersion } from "../core/secret-source.ts";

/** Errors of Parameter Store that no retry mends, with the code and the remedy that Keyturn gives for each. */
const PERMANENT = new Map<string, readonly [code: string, remedy: string]>([
  ["ParameterNotFound", ["SECRET_NOT_FOUND", "Check secretId, the account and the region"]],
  [
    "AccessDeniedException",
    ["SECRET_ACCESS_DENIED", "Allow ssm:GetParameter on it, and kms:Decrypt on its key, to the task's role"],
  ],
  ["InvalidKeyId", ["SECRET_UNREADABLE", "Allow kms:Decrypt on the parameter's key to the task's role"]],
  ["ValidationException", ["SECRET_UNREADABLE", "Check secretId"]],
]);

/**
 * Reads AWS Systems Manager Parameter Store. The newest version of a parameter is the current one; there is none that
 * waits. Endpoint, region and credentials come from the SDK's standard environment.
 *
 * @example const source = createParameterStoreSource(new SSMClient({}));
 */
export function createParameterStoreSource(client: SSMClient): SecretSource {
  async function read(secretId: string, abortSignal: AbortSignal | undefined): Promise<SecretVersion> {
    const command = new GetParameterCommand({ Name: secretId, WithDecryption: true });
    const { Parameter } = await client.send(command, abortSignal && { abortSignal }).catch((error) => {
      throw translate(error, secretId);
    });
    if (Parameter?.ARN === undefined || Parameter.Version === undefined || Parameter.Value === undefined) {
      throw new KeyturnError("SECRET_UNREADABLE", `Parameter ${secretId} has no value`);
    }
    return {
      secretArn: Parameter.ARN,
      versionId: String(Parameter.Version),
      labels: [CURRENT],
      value: new Redacted(Parameter.Value),
    };
  }

  return {
    name: "parameter-store",
    readCurrent: (secretId, signal) => read(secretId, signal),
    // By number it would be known to exist, not to be the newest: for that, the newest is read.
    async readVersion(secretId, versionId, signal) {
      const current = await read(secretId, signal);
      return current.versionId === versionId ? current : undefined;
    },
  };
}

function translate(error: unknown, secretId: string): KeyturnError {
  const name = error instanceof Error ? error.name : "unknown error";
  const [code, remedy] = PERMANENT.get(name) ?? [];
  if (code === undefined) {
    return new DependencyError(`Parameter Store did not give parameter ${secretId}: ${name}`, {
      cause: error,
    });
  }
  return new KeyturnError(code, `Parameter ${secretId} cannot be read: ${name}. ${remedy}.`, {
    cause: error,
  });
}
