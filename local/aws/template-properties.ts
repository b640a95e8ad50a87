import type * as z from "zod/mini";
import { ConfigError } from "../../shared/contract/errors.ts";

/**
 * Parses the properties of a CloudFormation resource. A property that the local run does not act on must be
 * unknown to the schema, so that it is refused rather than ignored.
 *
 * @param kind what messages call the resource, such as "AWS::Events::Rule"
 * @throws ConfigError listing every property that is unknown or wrong
 */
export function parseProperties<T extends z.ZodMiniType>(
  kind: string,
  schema: T,
  properties: unknown,
): z.output<T> {
  const result = schema.safeParse(properties);
  if (result.success) return result.data;
  throw new ConfigError(result.error.issues.map((issue) => `${kind}: ${describe(issue)}`));
}

function describe(issue: z.core.$ZodIssue): string {
  const path = issue.path.join(".");
  switch (issue.code) {
    case "unrecognized_keys":
      return `the local run does not support ${issue.keys.map((key) => (path ? `${path}.${key}` : key)).join(", ")}`;
    case "invalid_type":
      return `${path || "properties"} must be of type ${issue.expected}`;
    case "invalid_value":
      return `${path} must be one of ${issue.values.join(", ")}`;
    case "invalid_format":
      return `${path} must match ${issue.pattern ?? issue.format}`;
    case "too_small":
      return `${path} must be at least ${issue.minimum}`;
    case "too_big":
      return `${path} must be at most ${issue.maximum}`;
    default:
      return `${path}: ${issue.message}`;
  }
}
