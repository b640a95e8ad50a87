import type { Ledger } from "../../../shared/aws/ledger.ts";
import type { SecretDirectory, SecretSummary } from "../aws/secrets.ts";
import { CommandError } from "../command-error.ts";
import { describeFailure } from "../describe-failure.ts";
import { EXIT } from "../exit-code.ts";
import { secretName } from "../format/names.ts";
import type { Suggest } from "../place/suggest.ts";

export interface FindSecretPorts {
  readonly ledger: Pick<Ledger, "listSecrets">;
  readonly secrets: Pick<SecretDirectory, "find">;
  readonly suggest: Suggest;
}

/**
 * Finds the secret that an operator means: by Secrets Manager, else, for one that is deleted, is kept elsewhere, or may
 * not be described, by its name in the ledger.
 *
 * @param secretId name, ARN or an id of one's own
 * @throws CommandError where neither knows it
 */
export async function findSecret(
  secretId: string,
  { ledger, secrets, suggest }: FindSecretPorts,
): Promise<SecretSummary> {
  let refusal: unknown;
  const found = await secrets.find(secretId).catch((error) => {
    if (describeFailure(error).exitCode !== EXIT.notAllowed) throw error;
    refusal = error;
    return undefined;
  });
  if (found) return found;
  for await (const { secretArn } of ledger.listSecrets()) {
    if (secretArn === secretId || secretName(secretArn) === secretId) return { secretArn, canRotate: false };
  }
  if (refusal) throw refusal;
  throw new CommandError(
    "SECRET_NOT_FOUND",
    EXIT.notFound,
    `There is no secret ${secretId}, neither in Secrets Manager nor in the ledger. Check the name, --stage and --region; ${suggest.keyturn("status")} lists those that it knows.`,
  );
}
