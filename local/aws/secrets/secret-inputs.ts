import * as z from "zod/mini";

const SecretId = z.string().check(z.minLength(1), z.maxLength(2048));
const VersionId = z.string().check(z.minLength(32), z.maxLength(64));
const Stage = z.string().check(z.minLength(1), z.maxLength(256));
const Tags = z.array(
  z.object({
    Key: z.string().check(z.minLength(1), z.maxLength(128)),
    Value: z.string().check(z.maxLength(256)),
  }),
);
const Description = z.string().check(z.maxLength(2048));
const value = {
  ClientRequestToken: z.optional(VersionId),
  SecretString: z.optional(z.string().check(z.minLength(1), z.maxLength(65_536))),
  /** Base64 as the SDK sends it. */
  SecretBinary: z.optional(z.string().check(z.minLength(1), z.maxLength(87_384))),
};
const page = {
  MaxResults: z.optional(z.int().check(z.gte(1), z.lte(100))),
  NextToken: z.optional(z.string()),
};

/** Inputs of the operations, by name, with the bounds that AWS documents. */
export const secretInputs = {
  CreateSecret: z.object({
    Name: z.string().check(z.minLength(1), z.maxLength(512), z.regex(/^[A-Za-z0-9/_+=.@!-]+$/)),
    Description: z.optional(Description),
    KmsKeyId: z.optional(z.string()),
    Tags: z.optional(Tags),
    ...value,
  }),
  DescribeSecret: z.object({ SecretId }),
  GetSecretValue: z.object({
    SecretId,
    VersionId: z.optional(VersionId),
    VersionStage: z.optional(Stage),
  }),
  PutSecretValue: z.object({
    SecretId,
    VersionStages: z.optional(z.array(Stage).check(z.minLength(1), z.maxLength(20))),
    ...value,
  }),
  UpdateSecret: z.object({
    SecretId,
    Description: z.optional(Description),
    KmsKeyId: z.optional(z.string()),
    ...value,
  }),
  UpdateSecretVersionStage: z.object({
    SecretId,
    VersionStage: Stage,
    MoveToVersionId: z.optional(VersionId),
    RemoveFromVersionId: z.optional(VersionId),
  }),
  ListSecrets: z.object({
    Filters: z.optional(
      z.array(
        z.object({
          Key: z.enum(["name", "tag-key", "tag-value"]),
          Values: z.array(z.string()).check(z.maxLength(10)),
        }),
      ),
    ),
    IncludePlannedDeletion: z.optional(z.boolean()),
    ...page,
  }),
  ListSecretVersionIds: z.object({ SecretId, IncludeDeprecated: z.optional(z.boolean()), ...page }),
  TagResource: z.object({ SecretId, Tags }),
  DeleteSecret: z.object({
    SecretId,
    ForceDeleteWithoutRecovery: z.optional(z.boolean()),
    RecoveryWindowInDays: z.optional(z.int()),
  }),
  RestoreSecret: z.object({ SecretId }),
} as const;
