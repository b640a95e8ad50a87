import { kindOfSecret, nameOfSecret } from "../contract/secret-id.ts";

/** Which secrets Keyturn follows. Without prefixes and tags: all of them. */
export interface Watch {
  /** Beginnings of names, such as `prod/`, or of ids of one's own, such as `vault:kv/app/`. One must fit. */
  readonly prefixes: readonly string[];
  /** One must fit. */
  readonly tags: readonly { readonly key: string; readonly value: string }[];
}

export const EVERYTHING: Watch = { prefixes: [], tags: [] };

/**
 * Whether the secret is one that is followed. Where prefixes and tags are given, a secret in Secrets Manager must fit
 * both. Parameters and secrets kept elsewhere are known by their ids alone: once anything is given, a prefix must fit them.
 *
 * @param tags those of the secret
 * @example isWatched({ prefixes: ["prod/"], tags: [] }, "arn:aws:secretsmanager:…:secret:prod/orders-AbCdEf") // true
 */
export function isWatched(
  { prefixes, tags: wanted }: Watch,
  secretArn: string,
  tags: Readonly<Record<string, string>> = {},
): boolean {
  if (prefixes.length === 0 && wanted.length === 0) return true;
  // A parameter's ARN does not tell whether its name begins with a slash.
  const isParameter = kindOfSecret(secretArn) === "parameter";
  const name = nameOfSecret(secretArn);
  const isUnderPrefix = prefixes.some((prefix) =>
    name.startsWith(isParameter ? prefix.replace(/^\//, "") : prefix),
  );
  if (kindOfSecret(secretArn) !== "secrets-manager") return isUnderPrefix;
  const hasTag = wanted.some(({ key, value }) => tags[key] === value);
  return (prefixes.length === 0 || isUnderPrefix) && (wanted.length === 0 || hasTag);
}
