import { AwsError } from "../aws-error.ts";
import { toAwsTime } from "../aws-input.ts";
import type { Secret } from "./secret-store.ts";
import type { SecretVersion } from "./secret-versions.ts";

/** What DescribeSecret and ListSecrets tell of a secret; they name the map of stages differently. */
export function describeSecret(
  secret: Secret,
  stagesName: "VersionIdsToStages" | "SecretVersionsToStages",
): object {
  const labelled = secret.versions.list().filter(({ stages }) => stages.length > 0);
  return {
    ARN: secret.arn,
    Name: secret.name,
    Description: secret.description,
    KmsKeyId: secret.kmsKeyId,
    RotationEnabled: false,
    CreatedDate: toAwsTime(secret.createdAt),
    LastChangedDate: toAwsTime(secret.lastChangedAt),
    LastAccessedDate: secret.lastAccessedAt && toAwsTime(toDay(secret.lastAccessedAt)),
    DeletedDate: secret.deleteAt && toAwsTime(secret.deleteAt),
    Tags: [...secret.tags].map(([Key, Value]) => ({ Key, Value })),
    [stagesName]: Object.fromEntries(labelled.map(({ id, stages }) => [id, [...stages]])),
  };
}

/** A filter of ListSecrets looks for beginnings; in names it ignores case. */
export function passesFilter(
  { name, tags }: Secret,
  { Key, Values }: { readonly Key: "name" | "tag-key" | "tag-value"; readonly Values: readonly string[] },
): boolean {
  if (Key === "name") return Values.some((value) => name.toLowerCase().startsWith(value.toLowerCase()));
  const texts = [...(Key === "tag-key" ? tags.keys() : tags.values())];
  return Values.some((value) => texts.some((text) => text.startsWith(value)));
}

export function describeVersion(version: SecretVersion): object {
  return {
    VersionId: version.id,
    VersionStages: version.stages.length > 0 ? [...version.stages] : undefined,
    CreatedDate: toAwsTime(version.createdAt),
  };
}

/** One page of a list; the token is the place where the next one starts. */
export function paginate<T>(
  items: readonly T[],
  {
    MaxResults: maxResults = 100,
    NextToken: token,
  }: { MaxResults?: number | undefined; NextToken?: string | undefined },
): { readonly page: readonly T[]; readonly nextToken: string | undefined } {
  const start = token === undefined ? 0 : Number(token);
  if (!Number.isInteger(start) || start < 0) {
    throw new AwsError("InvalidNextTokenException", "The NextToken value is invalid.");
  }
  const end = start + maxResults;
  return { page: items.slice(start, end), nextToken: end < items.length ? String(end) : undefined };
}

/** Secrets Manager tells the day of the last access, not the time. */
function toDay(date: Date): Date {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()));
}
