import { textOf } from "../aws-input.ts";
import type { AccessRequest, AwsInput, AwsPlace } from "../service.ts";
import { secretArn } from "./secret-arn.ts";
import type { SecretStore } from "./secret-store.ts";

/** The permissions that a call on Secrets Manager needs. Policies name full ARNs, so names are resolved first. */
export function createSecretAccess(place: AwsPlace, store: Pick<SecretStore, "arnFor" | "find">) {
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
    const { kmsKeyId, tags = [] } = store.find(resource) ?? {};
    const ofTags = Object.fromEntries([...tags].map(([key, value]) => [`aws:ResourceTag/${key}`, value]));
    const request = {
      action,
      resource,
      context: { ...context, "secretsmanager:SecretId": resource, ...ofTags },
    };
    return kmsKeyId === undefined ? [request] : [request, ...keyAccess(place, operation, kmsKeyId)];
  };
}

/**
 * Secrets Manager uses a key of the customer's on behalf of the caller. Its own key, `aws/secretsmanager`, everybody in the
 * account may use through it: https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
 */
const KEY_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  GetSecretValue: ["kms:Decrypt"],
  PutSecretValue: ["kms:GenerateDataKey", "kms:Decrypt"],
};

function keyAccess(
  { region, accountId }: AwsPlace,
  operation: string,
  keyId: string,
): readonly AccessRequest[] {
  const resource = keyId.startsWith("arn:") ? keyId : `arn:aws:kms:${region}:${accountId}:key/${keyId}`;
  const context = { "kms:ViaService": `secretsmanager.${region}.amazonaws.com` };
  return (KEY_ACTIONS[operation] ?? []).map((action) => ({ action, resource, context }));
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
