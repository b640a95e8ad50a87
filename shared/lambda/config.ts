import * as z from "zod/mini";
import { ConfigError } from "../contract/errors.ts";
import { describeIssues } from "../contract/message.ts";

/**
 * Reads a function's configuration from environment variables, once, when the function starts.
 *
 * @throws ConfigError that lists every missing or wrong variable
 * @example const config = readConfig(z.object({ LEDGER_TABLE: requiredText }), process.env);
 */
export function readConfig<T extends z.ZodMiniType>(schema: T, environment: NodeJS.ProcessEnv): z.output<T> {
  const result = z.safeParse(schema, environment);
  if (!result.success) throw new ConfigError(describeIssues(result.error));
  return result.data;
}

export const requiredText = z.string("is missing").check(z.minLength(1, "is empty"));

/** A whole number, at least 0. */
export const wholeNumber = z.coerce
  .number("is not a number")
  .check(z.int("is not a whole number"), z.nonnegative("is below 0"));

/** A whole number, at least 1. */
export const positiveWhole = z.coerce
  .number("is not a number")
  .check(z.int("is not a whole number"), z.positive("must be above 0"));

/** Names or ARNs, separated by commas. */
export const commaList = z.pipe(
  requiredText,
  z.transform((text: string) =>
    text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  ),
);

/** `true` or `false`. */
export const flag = z.pipe(
  z.enum(["true", "false"], "is neither true nor false"),
  z.transform((text) => text === "true"),
);
