import * as z from "zod/mini";

/** CloudFormation takes numbers as texts too, as from parameters. */
const integer = (least: number, most: number, message?: string) =>
  z.pipe(
    z.union([z.number(), z.string().check(z.regex(/^-?\d+$/))]),
    z.pipe(z.transform(Number), z.int().check(z.gte(least, message), z.lte(most, message))),
  );
const flag = z.pipe(
  z.union([z.boolean(), z.enum(["true", "false"])]),
  z.transform((value) => value === true || value === "true"),
);
const Json = z.record(z.string(), z.unknown());
const Tags = z.optional(z.array(z.strictObject({ Key: z.string(), Value: z.string() })));
const strings = z.array(z.string());
const oneOrMore = z.pipe(
  z.union([z.string(), strings]),
  z.transform((value) => [value].flat()),
);

const WEEKS_2 = 1_209_600;
const HOURS_12 = 43_200;

export const QueueProperties = z.strictObject({
  QueueName: z.string().check(z.regex(/^[\w-]{1,80}$/)),
  VisibilityTimeout: z.optional(integer(0, HOURS_12)),
  MessageRetentionPeriod: z.optional(integer(60, WEEKS_2)),
  DelaySeconds: z.optional(
    integer(0, 900, "SQS delays by 0 to 900 seconds (15 minutes); shorten the adoption deadline"),
  ),
  RedrivePolicy: z.optional(
    z.strictObject({ deadLetterTargetArn: z.string(), maxReceiveCount: integer(1, 1000) }),
  ),
  SqsManagedSseEnabled: z.optional(flag),
  KmsMasterKeyId: z.optional(z.string()),
  Tags,
});

export const QueuePolicyProperties = z.strictObject({ Queues: z.array(z.string()), PolicyDocument: Json });

const KeySchema = z.array(z.strictObject({ AttributeName: z.string(), KeyType: z.enum(["HASH", "RANGE"]) }));
const SecondaryIndex = z.strictObject({
  IndexName: z.string(),
  KeySchema,
  Projection: z.strictObject({ ProjectionType: z.string(), NonKeyAttributes: z.optional(strings) }),
});
export const TableProperties = z.strictObject({
  TableName: z.string().check(z.regex(/^[\w.-]{3,255}$/)),
  AttributeDefinitions: z.array(
    z.strictObject({ AttributeName: z.string(), AttributeType: z.enum(["S", "N", "B"]) }),
  ),
  KeySchema,
  BillingMode: z.literal("PAY_PER_REQUEST"),
  GlobalSecondaryIndexes: z.optional(z.array(SecondaryIndex)),
  LocalSecondaryIndexes: z.optional(z.array(SecondaryIndex)),
  TimeToLiveSpecification: z.optional(z.strictObject({ AttributeName: z.string(), Enabled: flag })),
  /** What protects the table on AWS has no effect here. */
  PointInTimeRecoverySpecification: z.optional(z.unknown()),
  SSESpecification: z.optional(z.unknown()),
  DeletionProtectionEnabled: z.optional(flag),
  Tags,
});

export const FunctionProperties = z.strictObject({
  FunctionName: z.string().check(z.regex(/^[\w-]{1,64}$/)),
  Handler: z.string(),
  Runtime: z.literal("nodejs24.x"),
  MemorySize: z.optional(integer(128, 10_240)),
  Timeout: z.optional(integer(1, 900)),
  Role: z.string(),
  Environment: z.optional(
    z.strictObject({
      Variables: z.optional(
        z.record(z.string(), z.pipe(z.union([z.string(), z.number(), z.boolean()]), z.transform(String))),
      ),
    }),
  ),
  Code: z.strictObject({ S3Bucket: z.string(), S3Key: z.string() }),
  ReservedConcurrentExecutions: z.optional(integer(0, 1000)),
  Description: z.optional(z.string()),
  /** No effect here. */
  LoggingConfig: z.optional(z.unknown()),
  Architectures: z.optional(z.array(z.enum(["arm64", "x86_64"]))),
  TracingConfig: z.optional(z.unknown()),
  Tags,
});

export const EventSourceMappingProperties = z.strictObject({
  FunctionName: z.string(),
  EventSourceArn: z.string().check(z.regex(/^arn:aws:sqs:/, "the local run maps SQS queues only")),
  BatchSize: z.optional(integer(1, 10_000)),
  MaximumBatchingWindowInSeconds: z.optional(integer(0, 300)),
  FunctionResponseTypes: z.optional(z.array(z.literal("ReportBatchItemFailures"))),
  Enabled: z.optional(flag),
  ScalingConfig: z.optional(z.strictObject({ MaximumConcurrency: integer(2, 1000) })),
  Tags,
});

export const ManagedPolicyProperties = z.strictObject({
  ManagedPolicyName: z.string().check(z.regex(/^[\w+=,.@-]{1,128}$/)),
  Description: z.optional(z.string()),
  PolicyDocument: Json,
  Path: z.optional(z.string()),
});

export const RoleProperties = z.strictObject({
  RoleName: z.string().check(z.regex(/^[\w+=,.@-]{1,64}$/)),
  Description: z.optional(z.string()),
  AssumeRolePolicyDocument: z.looseObject({
    Statement: z.array(
      z.looseObject({ Principal: z.optional(z.looseObject({ Service: z.optional(oneOrMore) })) }),
    ),
  }),
  Policies: z.optional(z.array(z.strictObject({ PolicyName: z.string(), PolicyDocument: Json }))),
  ManagedPolicyArns: z.optional(
    z.array(z.literal("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")),
  ),
  Path: z.optional(z.string()),
  Tags,
});
