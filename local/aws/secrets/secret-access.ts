import { textOf } from "../aws-input.ts";
import type { AccessRequest, AwsInput, AwsPlace } from "../service.ts";
import { secretArn } from "./secret-arn.ts";
import type { SecretStore } from "./secret-store.ts";

/** The permissions that a call on Secrets Manager needs. Policies name full ARNs, so names are resolved first. */
export function createSecretAccess(place: AwsPlace, store: Pick<SecretStore, "arnFor">) {
  return (operation: string, input: AwsInput): readonly AccessRequest[] => {
    const action = `secretsmanager:${operation}`;
    if (operation === "ListSecrets") return [{ action, resource: "*" }];
    const context = conditionKeys(input);
    if (operation === "CreateSecret") {
      const resource = secretArn(place, textOf(input.Name));
      const create = { action, resource, context };
      return input.Tags ? [create, { action: "secretsmanager:TagResource", resource, context }] : [create];
    }
    const resource = store.arnFor(textOf(input.SecretId));
    return [{ action, resource, context: { ...context, "secretsmanager:SecretId": resource } }];
  };
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html#awssecretsmanager-policy-keys */
function conditionKeys({ Name, VersionId, VersionStage }: AwsInput): Readonly<Record<string, string>> {
  const keys = {
    "secretsmanager:Name": Name,
    "secretsmanager:VersionId": VersionId,
    "secretsmanager:VersionStage": VersionStage,
  };
  return Object.fromEntries(
    Object.entries(keys).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
