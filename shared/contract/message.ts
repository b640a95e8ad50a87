import * as z from "zod/mini";
import { InvalidMessageError } from "./errors.ts";
import { kindOfSecret } from "./secret-id.ts";

/**
 * What names a secret in every message: its ARN in Secrets Manager or Parameter Store, or, for one that is kept
 * elsewhere, an id of one's own such as `vault:kv/app/prod/db`.
 */
export const SecretArn = z
  .string()
  .check(
    z.refine(
      (id) => kindOfSecret(id) !== undefined,
      "neither the ARN of a secret or parameter, nor an id such as vault:kv/app/prod/db",
    ),
  );

/** Text without control, formatting and unassigned characters, which could rewrite what an operator's terminal shows. */
export const PlainText = z.string().check(z.regex(/^\P{C}*$/u, "has control or formatting characters"));

/**
 * Version of a secret. In Secrets Manager the ClientRequestToken that created it, 32 to 64 characters; the version
 * number of a parameter; elsewhere what the event of one's own says.
 */
export const VersionId = PlainText.check(z.minLength(1), z.maxLength(128));

/** A point in time, ISO 8601 in UTC; milliseconds where the source has them. */
export const Instant = z.iso.datetime();

/** A duration in milliseconds. */
export const Milliseconds = z.number().check(z.nonnegative());

/** Where and why `value` does not fit, one short phrase for each problem. Names keys, never their values. */
export function describeIssues(error: z.core.$ZodError): string[] {
  return error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => `${[...issue.path, key].join(".")}: not known`)
      : [`${issue.path.join(".") || "(message)"}: ${issue.message || issue.code}`],
  );
}

/**
 * Parses a versioned message of ours. An unknown `v` is refused by name, before its fields are looked at:
 * a newer sender must not be half understood.
 *
 * @throws InvalidMessageError naming the kind of message and what was wrong
 */
export function parseVersioned<T extends z.ZodMiniType>(
  kind: string,
  schema: T,
  value: unknown,
): z.output<T> {
  const version = typeof value === "object" && value !== null && "v" in value ? value.v : undefined;
  if (version !== 1) {
    throw new InvalidMessageError(
      `${kind} has version ${nameVersion(version)}; this release reads version 1. Upgrade Keyturn where it is read, or mend the sender.`,
    );
  }
  return parseMessage(kind, schema, value);
}

/** Senders are not trusted: what stands where the version should must not get into logs as it is. */
function nameVersion(version: unknown): string {
  if (version === undefined) return "none";
  return typeof version === "number" ? String(version) : `of type ${typeof version}`;
}

/** @throws InvalidMessageError naming the kind of message and every field that does not fit */
export function parseMessage<T extends z.ZodMiniType>(kind: string, schema: T, value: unknown): z.output<T> {
  const result = z.safeParse(schema, value);
  if (!result.success) {
    throw new InvalidMessageError(`${kind} is not valid: ${describeIssues(result.error).join("; ")}`);
  }
  return result.data;
}

/** @throws InvalidMessageError where the text is not JSON */
export function parseJson(kind: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text, so it must not become the cause.
    throw new InvalidMessageError(`${kind} is not JSON`);
  }
}
