import type { ContainerDefinition } from "@aws-sdk/client-ecs";
import { kindOfSecret, nameOfSecret } from "../../contract/secret-id.ts";

/**
 * How tasks come to the secret: "pinned" ones start with the same version whatever is current, "partly-pinned" ones with
 * that as well as with the current.
 */
export type SecretUse = "current" | "partly-pinned" | "pinned";

/** Environment variables that may name the secret instead of giving its ARN. */
const NAME_VARIABLES = new Set(["DB_SECRET_ID"]);
/** Tag of a service that uses secrets which its task definition does not show. */
export const SECRETS_TAG = "keyturn:secrets";
/** https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html */
const REFERENCE = "aws/reference/secretsmanager/";
const PARAMETER_ARN = /^arn:aws[\w-]*:ssm:[^:]+:[^:]+:parameter\//;
const ARN_OF_EITHER = /^arn:aws[\w-]*:(?:secretsmanager:[^:]+:[^:]+:secret:|ssm:[^:]+:[^:]+:parameter\/)/;
/** A hyphen and six characters that Secrets Manager adds to the name. */
const SUFFIX_LENGTH = 7;

/**
 * Tells how containers use a secret: injected by `secrets`, or by the `secretOptions` of their log driver, or named in
 * an environment variable. `valueFrom` is the ARN of a secret with or without its suffix, followed by
 * `:json-key:version-stage:version-id`, each part possibly empty; or the ARN of a parameter, or its name, followed by `:version`.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html and secrets-envvar-ssm-paramstore.html
 *
 * @param secretId ARN of a secret or a parameter, or an id of one's own
 * @returns undefined where they do not use it
 */
export function secretUse(
  containers: readonly ContainerDefinition[],
  secretId: string,
): SecretUse | undefined {
  const names = namesOf(secretId);
  const uses = containers.flatMap(({ secrets = [], environment = [], logConfiguration }): SecretUse[] => [
    ...[...secrets, ...(logConfiguration?.secretOptions ?? [])].flatMap(({ valueFrom = "" }) => {
      const use = injectedUse(valueFrom, names);
      return use ? [use] : [];
    }),
    ...environment.flatMap(({ name: variable = "", value = "" }): SecretUse[] =>
      names.ids.has(value) || (NAME_VARIABLES.has(variable) && names.plain.has(value)) ? ["current"] : [],
    ),
  ]);
  return new Set(uses).size > 1 ? "partly-pinned" : uses[0];
}

/**
 * Whether the value of {@link SECRETS_TAG} names the secret: ARNs, with or without the suffix, or names. ECS takes no
 * comma in a tag, so that they are separated by spaces; commas do where the tag was written elsewhere.
 */
export function isNamedInTag(tag: string, secretId: string): boolean {
  const { ids, plain, parameter } = namesOf(secretId);
  return partsOfTag(tag).some((part) => ids.has(part) || plain.has(part) || parameter.has(part));
}

const partsOfTag = (tag: string) => tag.split(/[\s,]+/).filter((part) => part !== "");

/**
 * Everything by which containers and the tag name secrets and parameters, whichever they are, that new tasks would read as they
 * are by then: ARNs with or without the suffix, and names. A secret by way of Parameter Store stands for itself. What is
 * pinned is left out, since it stays the same; so is an id of one's own in an environment variable, which nothing tells from other
 * values. In a tag it is there.
 */
export function secretIdsOf(containers: readonly ContainerDefinition[], tag: string): readonly string[] {
  const ids = containers.flatMap(({ secrets = [], environment = [], logConfiguration }) => [
    ...[...secrets, ...(logConfiguration?.secretOptions ?? [])].flatMap(({ valueFrom = "" }) => {
      const { id, isPinned } = parseValueFrom(valueFrom);
      return isPinned || id === "" ? [] : [withoutReference(id)];
    }),
    ...environment.flatMap(({ name: variable = "", value = "" }) =>
      value !== "" && (ARN_OF_EITHER.test(value) || NAME_VARIABLES.has(variable)) ? [value] : [],
    ),
  ]);
  return [...new Set([...ids, ...partsOfTag(tag)])];
}

/** Everything that one secret is called. */
interface SecretNames {
  /** What stands for it wherever it is found. */
  readonly ids: ReadonlySet<string>;
  /** What stands for it where the text is known to name a secret. */
  readonly plain: ReadonlySet<string>;
  /** What stands for it where the text is known to name a parameter, without a leading slash. */
  readonly parameter: ReadonlySet<string>;
}

function namesOf(secretId: string): SecretNames {
  const kind = kindOfSecret(secretId);
  const name = nameOfSecret(secretId);
  if (kind === "parameter") {
    return { ids: new Set([secretId]), plain: new Set([name, `/${name}`]), parameter: new Set([name]) };
  }
  if (kind !== "secrets-manager") return { ids: new Set([secretId]), plain: new Set(), parameter: new Set() };
  const bareName = name.slice(0, -SUFFIX_LENGTH);
  return {
    ids: new Set([secretId, secretId.slice(0, -SUFFIX_LENGTH)]),
    plain: new Set([bareName]),
    parameter: new Set([`${REFERENCE}${bareName}`]),
  };
}

/** Cuts `valueFrom` to what it names: the ARN of a secret or of a parameter, or a parameter's name. */
function parseValueFrom(valueFrom: string): { readonly id: string; readonly isPinned: boolean } {
  const parts = valueFrom.split(":");
  if (parts[2] === "secretsmanager") {
    const [, stage = "", versionId = ""] = parts.slice(7);
    const isPinned = versionId !== "" || (stage !== "" && stage !== "AWSCURRENT");
    return { id: parts.slice(0, 7).join(":"), isPinned };
  }
  // A parameter's name has no colon.
  const arn = PARAMETER_ARN.exec(valueFrom)?.[0] ?? "";
  const [name = "", version] = valueFrom.slice(arn.length).split(":");
  return { id: `${arn}${name}`, isPinned: version !== undefined && version !== "AWSCURRENT" };
}

function injectedUse(valueFrom: string, { ids, parameter }: SecretNames): SecretUse | undefined {
  const { id, isPinned } = parseValueFrom(valueFrom);
  const use = isPinned ? "pinned" : "current";
  if (id.split(":")[2] === "secretsmanager") return ids.has(id) ? use : undefined;
  // Of a parameter's ARN, region and account are the task's own as far as a match matters.
  const arn = PARAMETER_ARN.exec(id)?.[0];
  const name = id.slice(arn?.length ?? 0);
  if (!parameter.has(name.replace(/^\//, ""))) return undefined;
  return arn && ![...ids].some((one) => sharesPlace(one, arn)) ? undefined : use;
}

/** The name, or the ARN without its suffix, of a secret that is named by way of Parameter Store. */
function withoutReference(id: string): string {
  const at = id.indexOf(REFERENCE);
  if (at < 0) return id;
  const name = id.slice(at + REFERENCE.length);
  const [, partition = "aws", , region = "", accountId = ""] = PARAMETER_ARN.test(id) ? id.split(":") : [];
  return region === "" ? name : `arn:${partition}:secretsmanager:${region}:${accountId}:secret:${name}`;
}

/** Whether two ARNs are of the same partition, Region and account. */
function sharesPlace(one: string, other: string): boolean {
  const placeOf = (arn: string) => [1, 3, 4].map((index) => arn.split(":")[index]).join(":");
  return placeOf(one) === placeOf(other);
}
