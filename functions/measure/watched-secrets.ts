import { createSecretsManagerClient } from "../../shared/aws/clients.ts";
import { createSecrets } from "../../shared/aws/secrets.ts";
import type { Watch } from "../../shared/rotation/watch.ts";

/**
 * Asks Secrets Manager whether a secret is one that is followed. One that is gone is not: its tags cannot be read any more, no
 * service can read its value either, and nobody can mend its rotation.
 */
export function createWatchedSecrets(watch: Watch): (secretArn: string) => Promise<boolean> {
  const secrets = createSecrets(createSecretsManagerClient(), watch);
  return async (secretArn) => {
    const facts = await secrets.describe(secretArn, (seen) => seen !== undefined);
    return facts?.isWatched === true;
  };
}
