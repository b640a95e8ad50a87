import * as z from "zod/mini";

export type CheckedValue<T> =
  | { readonly isValid: true; readonly value: T }
  | { readonly isValid: false; readonly problems: readonly string[] };

/**
 * Checks a value against a schema. Each problem names the member and its limit, as in
 * `services: must have at most 10 items`, and never repeats the value: it may be a secret. A message that the schema
 * itself carries takes the place of the limit. A member that a strict schema does not know is one that the local run
 * does not act on.
 */
export function checkValue<T extends z.ZodMiniType>(schema: T, value: unknown): CheckedValue<z.output<T>> {
  const result = z.safeParse(schema, value, { error: describeIssue });
  return result.success
    ? { isValid: true, value: result.data }
    : { isValid: false, problems: result.error.issues.map(problemOf) };
}

function problemOf(issue: z.core.$ZodIssue): string {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const members = issue.keys.map((key) => (path ? `${path}.${key}` : key));
    return `the local run does not support ${members.join(", ")}`;
  }
  return path ? `${path}: ${issue.message}` : issue.message;
}

/** Zod's mini build says no more than "Invalid input"; this is its error map, to be handed to a parse as `error`. */
export function describeIssue(issue: z.core.$ZodRawIssue): string {
  if (issue.input === undefined) return "is missing";
  switch (issue.code) {
    case "invalid_type":
      return `must be of type ${TYPES[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.map(String).join(", ")}`;
    case "invalid_format":
      return `must match ${issue.pattern ?? issue.format}`;
    case "too_small":
      return describeLimit(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum);
    case "too_big":
      return describeLimit(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum);
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "unrecognized_keys":
      return `must not have ${issue.keys.join(", ")}`;
    case "invalid_union":
      return [...new Set(issue.errors.flat().map(problemOf))].join(" or ") || "is not valid";
    default:
      return "is not valid";
  }
}

/** Where zod's name of a type is not JSON's. */
const TYPES: Readonly<Record<string, string>> = { int: "integer", tuple: "array", record: "object" };

/** What is counted of a value that is not itself a number. */
const UNITS: Readonly<Record<string, string>> = { string: "character", array: "item" };

function describeLimit(origin: string, relation: string, limit: number | bigint): string {
  const unit = UNITS[origin];
  return unit === undefined
    ? `must be ${relation} ${limit}`
    : `must have ${relation} ${limit} ${unit}${Number(limit) === 1 ? "" : "s"}`;
}
