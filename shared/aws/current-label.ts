import {
  InvalidParameterException,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";

/** Moves AWSCURRENT, which makes another version the one that services read. */
export interface CurrentLabel {
  /**
   * @param from the version that must have the label; Secrets Manager looks and moves in one step
   * @returns false where another version has it by now
   */
  move(secretArn: string, from: string, to: string): Promise<boolean>;
}

export function createCurrentLabel(client: SecretsManagerClient): CurrentLabel {
  return {
    async move(secretArn, from, to) {
      const command = new UpdateSecretVersionStageCommand({
        SecretId: secretArn,
        VersionStage: "AWSCURRENT",
        RemoveFromVersionId: from,
        MoveToVersionId: to,
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
    },
  };
}
