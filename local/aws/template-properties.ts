import type * as z from "zod/mini";
import { ConfigError } from "../../shared/contract/errors.ts";
import { checkValue } from "./check-value.ts";

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
  const checked = checkValue(schema, properties);
  if (checked.isValid) return checked.value;
  throw new ConfigError(checked.problems.map((problem) => `${kind}: ${problem}`));
}
