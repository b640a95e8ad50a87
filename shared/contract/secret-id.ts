import * as z from "zod/mini";

/** Where a secret is kept, as its id tells: ids of the three kinds never look alike. */
export type SecretKind = "secrets-manager" | "parameter" | "elsewhere";

/** With the six random characters that Secrets Manager adds to the name. */
const SECRETS_MANAGER = /^arn:aws[\w-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@!-]+$/;
const PARAMETER = /^arn:aws[\w-]*:ssm:[a-z0-9-]+:\d{12}:parameter\/[\w./-]+$/;
/** `ssm:` is kept free for the topics of parameters, which go by their ARNs. */
const ELSEWHERE = /^(?!(?:arn|ssm):)[a-z][a-z0-9-]{0,31}:[\w/+=.@!:-]+$/;
const SECRET_NAME = /^[\w/+=.@!-]{1,512}$/;

/** What the ledger takes as part of a key, with room to spare. */
const MAX_ID_LENGTH = 1024;

/**
 * Tells where the secret is kept: in Secrets Manager, in Parameter Store, or elsewhere, under an id of one's own.
 *
 * @returns undefined for anything else, such as the name of a secret
 * @example kindOfSecret("vault:kv/app/prod/db") // "elsewhere"
 */
export function kindOfSecret(id: string): SecretKind | undefined {
  if (id.length > MAX_ID_LENGTH) return undefined;
  if (SECRETS_MANAGER.test(id)) return "secrets-manager";
  if (PARAMETER.test(id)) return "parameter";
  return ELSEWHERE.test(id) ? "elsewhere" : undefined;
}

/**
 * The name by which people know the secret. That of Secrets Manager keeps its random characters; a parameter's comes
 * without the leading slash, which its ARN does not tell; an id of one's own is its name.
 */
export function nameOfSecret(id: string): string {
  switch (kindOfSecret(id)) {
    case "secrets-manager":
      return id.split(":").slice(6).join(":");
    case "parameter":
      return id.slice(id.indexOf(":parameter/") + ":parameter/".length);
    default:
      return id;
  }
}

/** The name as its owner knows it: that of Secrets Manager without the six random characters. */
export function nameWithoutSuffix(id: string): string {
  const name = nameOfSecret(id);
  return kindOfSecret(id) === "secrets-manager" ? name.replace(/-[A-Za-z0-9]{6}$/, "") : name;
}

/** ARN of a secret in Secrets Manager. */
export const SecretsManagerArn = z
  .string()
  .check(z.refine((id) => kindOfSecret(id) === "secrets-manager", "not a secret ARN"));

/** ARN of a parameter in Parameter Store. */
export const ParameterArn = z
  .string()
  .check(z.refine((id) => kindOfSecret(id) === "parameter", "not a parameter ARN"));

/** What Secrets Manager's API takes for a secret: its ARN, with or without the random characters, or its name. */
export const SecretNameOrArn = z
  .string()
  .check(
    z.refine(
      (id) => SECRET_NAME.test(id) || kindOfSecret(id) === "secrets-manager",
      "neither name nor ARN of a secret",
    ),
  );
