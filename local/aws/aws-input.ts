import type * as z from "zod/mini";
import { AwsError } from "./aws-error.ts";
import { describeIssue } from "./check-value.ts";
import type { AwsInput } from "./service.ts";

/**
 * Parses the input of an operation, with AWS's wording where it does not fit. Messages never hold what was sent:
 * it may be a secret.
 *
 * @throws AwsError ValidationException where a value is missing or out of bounds, SerializationException where it is of the wrong type
 */
export function parseInput<T extends z.ZodMiniType>(schema: T, input: AwsInput): z.output<T> {
  const result = schema.safeParse(input, { error: describeIssue });
  if (result.success) return result.data;
  const issues = result.error.issues;
  const wrongType = issues.find(
    (issue) => issue.code === "invalid_type" && valueAt(input, issue.path) !== undefined,
  );
  if (wrongType) {
    throw new AwsError("SerializationException", `The value at '${pathOf(wrongType)}' is of the wrong type`);
  }
  const problems = issues.map(
    (issue) => `Value at '${pathOf(issue)}' failed to satisfy constraint: ${constraintOf(issue)}`,
  );
  const count = problems.length === 1 ? "1 validation error" : `${problems.length} validation errors`;
  throw new AwsError("ValidationException", `${count} detected: ${problems.join("; ")}`);
}

type Issue = z.core.$ZodIssue;

function constraintOf(issue: Issue): string {
  switch (issue.code) {
    case "too_small":
      return `Member must have ${measureOf(issue.origin)} greater than or equal to ${issue.minimum}`;
    case "too_big":
      return `Member must have ${measureOf(issue.origin)} less than or equal to ${issue.maximum}`;
    case "invalid_value":
      return `Member must satisfy enum value set: [${issue.values.join(", ")}]`;
    case "invalid_format":
      return `Member must satisfy regular expression pattern: ${issue.pattern ?? issue.format}`;
    case "invalid_type":
      return "Member must not be null";
    default:
      return issue.message;
  }
}

function measureOf(origin: string): string {
  return origin === "number" || origin === "int" ? "value" : "length";
}

/** AWS names members in lower camel case, and counts list members from 1. */
function pathOf(issue: Issue): string {
  return issue.path
    .map((part) => (typeof part === "number" ? `${part + 1}.member` : lowerFirst(String(part))))
    .join(".");
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    input,
  );
}

/** A member of an input that nobody has checked yet; empty where it is no text. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A point in time as AWS JSON carries it: seconds since 1970, with milliseconds as fraction. */
export function toAwsTime(date: Date): number {
  return date.getTime() / 1000;
}
