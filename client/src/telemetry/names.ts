/** Name under which OpenTelemetry knows the library: its instrumentation scope. */
export const SCOPE = "keyturn";

/** Attributes of metrics and spans. */
export const SECRET_NAME = "keyturn.secret.name";
export const VERSION_ID = "keyturn.version.id";
export const TRIGGER = "keyturn.trigger";
export const OUTCOME = "keyturn.outcome";
export const CHANNEL_STATE = "keyturn.channel.state";
export const CURRENT_SINCE = "keyturn.current_since";
/** https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/ */
export const ERROR_TYPE = "error.type";
/** https://opentelemetry.io/docs/specs/semconv/database/database-metrics/ */
export const POOL_NAME = "db.client.connection.pool.name";
export const CONNECTION_STATE = "db.client.connection.state";

/** `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX`, with the suffix that Secrets Manager adds. */
const SECRET_ARN = /^arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:(.+?)(?:-[A-Za-z\d]{6})?$/;
const PARAMETER_ARN = /^arn:[^:]+:ssm:[^:]*:[^:]*:parameter\/(.+)$/;

/** The name in the ARN of a secret or a parameter, without account and Region; a name stays as it is. */
export function secretNameOf(secretId: string): string {
  return SECRET_ARN.exec(secretId)?.[1] ?? PARAMETER_ARN.exec(secretId)?.[1] ?? secretId;
}

/** What went wrong, in one word: an error's own code, else its class. Never its message. */
export function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return "_OTHER";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

const taken = new Set<string>();

/** A name for a pool that no other one in this process has: the second over one secret is `NAME#2`. */
export function takePoolName(secretName: string): string {
  let name = secretName;
  for (let n = 2; taken.has(name); n += 1) name = `${secretName}#${n}`;
  taken.add(name);
  return name;
}

export function givePoolNameBack(name: string): void {
  taken.delete(name);
}
