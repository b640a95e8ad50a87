import * as z from "zod/mini";
import { KeyturnError } from "../contract/errors.ts";
import { describeIssues } from "../contract/message.ts";
import type { Redacted } from "./redacted.ts";

/** The secret cannot be read as a credential for its store. The message names the keys, never their values. */
export class UnusableSecretError extends KeyturnError {
  override readonly name = "UnusableSecretError";

  constructor(message: string) {
    super("SECRET_UNUSABLE", message);
  }
}

/** Secrets in use have `"dbname": null` and `"port": ""` where a form was left empty: both mean that it is absent. */
export const orAbsent = <T extends z.ZodMiniType<string | number>>(schema: T) =>
  z.optional(
    z.pipe(
      z.union([z.null(), z.literal(""), schema]),
      z.transform((value) => (value === null || value === "" ? undefined : value)),
    ),
  );

/**
 * Shape of a database secret:
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
 */
const DatabaseSecret = z.object({
  engine: orAbsent(z.string()),
  host: orAbsent(z.string()),
  port: orAbsent(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(65_535))),
  dbname: orAbsent(z.string()),
  username: z.string().check(z.minLength(1)),
  password: z.string().check(z.minLength(1)),
});

export type DatabaseSecret = z.output<typeof DatabaseSecret>;

/**
 * Reads the text of a database secret. What is empty in it counts as absent.
 *
 * @throws UnusableSecretError where it is no JSON object, or lacks user or password
 */
export function parseDatabaseSecret(secret: Redacted): DatabaseSecret {
  let json: unknown;
  try {
    json = JSON.parse(secret.reveal());
  } catch {
    // The parser's message quotes the text, so it must not become the cause.
    throw new UnusableSecretError(
      "The secret is not JSON; a database secret is an object with username and password",
    );
  }
  const parsed = z.safeParse(DatabaseSecret, json);
  if (!parsed.success) {
    throw new UnusableSecretError(
      `The secret is not a database secret: ${describeIssues(parsed.error).join("; ")}`,
    );
  }
  return parsed.data;
}
