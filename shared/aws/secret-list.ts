import { type Filter, paginateListSecrets, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { EVERYTHING, type Watch } from "../rotation/watch.ts";
import { type SecretFacts, secretFacts } from "./secrets.ts";

/** Finds secrets. What is listed may be some minutes old: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html */
export interface SecretList {
  /** Every secret that is watched, with what the list tells of it. */
  watched(): AsyncIterable<SecretFacts>;
  /**
   * The secret in which RDS keeps the master password of a database; undefined where RDS manages none for it.
   *
   * @param databaseArn of an instance or a cluster
   */
  managedFor(databaseArn: string): Promise<string | undefined>;
}

/** What one filter takes. */
const MAX_FILTER_VALUES = 10;
/**
 * With these tags RDS marks the secrets that it manages; what AWS's own policies for RDS go by:
 * https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonRDSServiceRolePolicy.html
 */
const DATABASE_TAGS = ["aws:rds:primaryDBInstanceArn", "aws:rds:primaryDBClusterArn"] as const;

export function createSecretList(client: SecretsManagerClient, watch: Watch): SecretList {
  async function* list(filters: readonly Filter[], within: Watch): AsyncIterable<SecretFacts> {
    const input = { MaxResults: 100, ...(filters.length > 0 && { Filters: [...filters] }) };
    for await (const page of paginateListSecrets({ client }, input)) {
      for (const secret of page.SecretList ?? []) {
        if (secret.ARN && !secret.DeletedDate)
          yield secretFacts(secret, secret.SecretVersionsToStages, within);
      }
    }
  }

  return {
    async *watched() {
      const { prefixes } = watch;
      // The filter takes beginnings of names too, but ignores case: it narrows, and does not decide.
      const isFilter = prefixes.length > 0 && prefixes.length <= MAX_FILTER_VALUES;
      const filters: Filter[] = isFilter ? [{ Key: "name", Values: [...prefixes] }] : [];
      for await (const secret of list(filters, watch)) if (secret.isWatched) yield secret;
    },

    async managedFor(databaseArn) {
      for await (const { secretArn, tags } of list(
        [{ Key: "tag-value", Values: [databaseArn] }],
        EVERYTHING,
      )) {
        // The filter looks for beginnings, and for any tag.
        if (DATABASE_TAGS.some((tag) => tags?.[tag] === databaseArn)) return secretArn;
      }
      return undefined;
    },
  };
}
