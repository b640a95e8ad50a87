import { createHash } from "node:crypto";
import type { AwsPlace } from "../service.ts";

const SUFFIX_LENGTH = 6;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/**
 * ARN of a secret. AWS adds six random characters to the name; here they come from a digest of the name, so that
 * a sample that names an ARN stays valid from run to run.
 */
export function secretArn(place: AwsPlace, name: string): string {
  const digest = createHash("sha256").update(name).digest();
  const suffix = [...digest.subarray(0, SUFFIX_LENGTH)]
    .map((byte) => ALPHABET[byte % ALPHABET.length])
    .join("");
  return `${partialSecretArn(place, name)}-${suffix}`;
}

/** The ARN without its six characters, which Secrets Manager also takes as a SecretId. */
export function partialSecretArn({ region, accountId }: AwsPlace, name: string): string {
  return `arn:aws:secretsmanager:${region}:${accountId}:secret:${name}`;
}
