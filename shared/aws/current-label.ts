import {
  InvalidParameterException,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";

/** Moves AWSCURRENT, which makes another version the one that services read, and takes AWSPENDING away. */
export interface CurrentLabel {
  /**
   * @param from the version that must have the label; Secrets Manager looks and moves in one step
   * @returns false where another version has it by now
   */
  move(secretArn: string, from: string, to: string): Promise<boolean>;
  /** Takes AWSPENDING from that version; where another one has it, or none, there is nothing to do. */
  removePending(secretArn: string, from: string): Promise<void>;
}

export function createCurrentLabel(client: SecretsManagerClient): CurrentLabel {
  return {
    move: (secretArn, from, to) => update(client, secretArn, "AWSCURRENT", from, to),
    async removePending(secretArn, from) {
      await update(client, secretArn, "AWSPENDING", from);
    },
  };
}

/** @returns false where the label is not attached to the version that it was to be taken from */
async function update(
  client: SecretsManagerClient,
  SecretId: string,
  VersionStage: string,
  RemoveFromVersionId: string,
  MoveToVersionId?: string,
): Promise<boolean> {
  const command = new UpdateSecretVersionStageCommand({
    SecretId,
    VersionStage,
    RemoveFromVersionId,
    MoveToVersionId,
  });
  try {
    await client.send(command);
    return true;
  } catch (error) {
    // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html: the label is
    // attached to another version than the one named.
    if (error instanceof InvalidParameterException) return false;
    throw error;
  }
}
