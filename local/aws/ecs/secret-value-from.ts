import * as z from "zod/mini";

/** A container's reference to a secret: `ARN[:json-key:version-stage:version-id]`, each part possibly empty. */
export interface SecretValueFrom {
  readonly secretId: string;
  readonly jsonKey?: string;
  readonly versionStage?: string;
  readonly versionId?: string;
}

const Json = z.record(z.string(), z.unknown());

/**
 * Reads a container definition's `valueFrom`.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
 *
 * @throws Error where it is not the ARN of a secret
 */
export function parseSecretValueFrom(valueFrom: string): SecretValueFrom {
  const parts = valueFrom.split(":");
  if (!/^arn:aws[\w-]*:secretsmanager:/.test(valueFrom) || parts.length < 7) {
    throw new Error(
      `valueFrom ${valueFrom} is not the ARN of a secret; the local run injects Secrets Manager secrets only`,
    );
  }
  const [jsonKey, versionStage, versionId, ...rest] = parts.slice(7);
  if (rest.length > 0 || (parts.length > 7 && parts.length < 10)) {
    throw new Error(`unexpected ARN format with parameters when trying to retrieve ASM secret: ${valueFrom}`);
  }
  return {
    secretId: parts.slice(0, 7).join(":"),
    ...(jsonKey ? { jsonKey } : {}),
    ...(versionStage ? { versionStage } : {}),
    ...(versionId ? { versionId } : {}),
  };
}

/**
 * The value that a container gets: the whole secret, or one key of its JSON.
 *
 * @throws Error where the secret is not JSON or lacks the key; never holds the secret itself
 */
export function selectSecretValue({ secretId, jsonKey }: SecretValueFrom, secretString: string): string {
  if (jsonKey === undefined) return secretString;
  const value = z.safeParse(Json, parseJson(secretString)).data?.[jsonKey];
  if (value === undefined) {
    throw new Error(`retrieved secret from Secrets Manager did not contain json key ${jsonKey}: ${secretId}`);
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
