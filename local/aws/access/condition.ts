import { matchesArnPattern } from "./arn-pattern.ts";
import { matchesGlob } from "./glob.ts";

/** One key of a `Condition` block. Several values are alternatives. */
export interface PolicyCondition {
  readonly operator: ConditionOperator;
  /** The condition also holds where the key is absent. */
  readonly ifExists: boolean;
  readonly key: string;
  readonly values: readonly string[];
}

/** Condition keys by their lower-case name: IAM ignores their case. */
export type ConditionContext = ReadonlyMap<string, string>;

type Test = (expected: string, actual: string) => boolean;

/** ArnEquals takes wildcards and behaves as ArnLike does: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN */
const operators = {
  StringEquals: (expected, actual) => expected === actual,
  StringLike: matchesGlob,
  ArnEquals: matchesArnPattern,
  ArnLike: matchesArnPattern,
  Bool: (expected, actual) => expected.toLowerCase() === actual.toLowerCase(),
} as const satisfies Record<string, Test>;

/** Null asks whether the key is absent, and takes no IfExists. */
export type ConditionOperator = keyof typeof operators | "Null";

interface NamedOperator {
  readonly operator: ConditionOperator;
  readonly ifExists: boolean;
}

/** By their names in a policy. */
export const conditionOperators: ReadonlyMap<string, NamedOperator> = new Map([
  ["Null", { operator: "Null", ifExists: false }],
  ...(Object.keys(operators) as (keyof typeof operators)[]).flatMap((operator): [string, NamedOperator][] => [
    [operator, { operator, ifExists: false }],
    [`${operator}IfExists`, { operator, ifExists: true }],
  ]),
]);

/**
 * Keys that calls on the local run carry. A condition on any other key is refused when a policy is loaded:
 * it would never hold, so that a Deny would silently do nothing.
 */
const filledConditionKeys: ReadonlySet<string> = new Set(
  [
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "cloudwatch:namespace",
    "ecs:cluster",
    "events:detail-type",
    "events:source",
    "iam:PassedToService",
    "kms:ViaService",
    // Of RotateSecret, which the local run does not have.
    "secretsmanager:ExternalSecretRotationRoleArn",
    "secretsmanager:ModifyRotationRules",
    "secretsmanager:Name",
    "secretsmanager:RotationLambdaARN",
    "secretsmanager:SecretId",
    "secretsmanager:VersionId",
    "secretsmanager:VersionStage",
  ].map((key) => key.toLowerCase()),
);

/** Followed by the key of a tag. */
const RESOURCE_TAG = "aws:resourcetag/";

/** Whether calls with these actions carry the key. */
export function isConditionKeyFilled(key: string, actions: readonly string[]): boolean {
  const name = key.toLowerCase();
  if (!name.startsWith(RESOURCE_TAG)) return filledConditionKeys.has(name);
  // Of all resources, secrets alone have tags here.
  return actions.every((action) => action.toLowerCase().startsWith("secretsmanager:"));
}

export function createContext(
  ...parts: readonly (Readonly<Record<string, string>> | undefined)[]
): ConditionContext {
  return new Map(
    parts.flatMap((part) =>
      Object.entries(part ?? {}).map(([key, value]) => [key.toLowerCase(), value] as const),
    ),
  );
}

export function conditionHolds(condition: PolicyCondition, context: ConditionContext): boolean {
  const actual = context.get(condition.key.toLowerCase());
  if (condition.operator === "Null") return condition.values.includes(String(actual === undefined));
  const test: Test = operators[condition.operator];
  if (actual === undefined) return condition.ifExists;
  return condition.values.some((expected) => test(expected, actual));
}
