import * as z from "zod/mini";
import { ConfigError } from "../../../shared/contract/errors.ts";
import { describeIssues } from "../../../shared/contract/message.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";
import { CURRENT, type SecretSource } from "../core/secret-source.ts";

/** What stands for the id of a secret where there is none. */
export const ENVIRONMENT = "environment";

export interface PostgresEnvironment {
  readonly source: SecretSource;
  /** `true`: checked against the certificate authorities; `no-verify`: encrypted only; `false`: none. */
  readonly ssl: boolean | { readonly rejectUnauthorized: false } | undefined;
  readonly max: number | undefined;
}

const SSL = {
  true: true,
  false: false,
  "no-verify": { rejectUnauthorized: false },
} as const;

const text = z.string("is not set").check(z.minLength(1, "is not set"));
const Variables = z.object({
  POSTGRES_HOST: text,
  POSTGRES_PORT: z._default(
    z.coerce.number("must be a port").check(z.int(), z.minimum(1), z.maximum(65_535, "must be a port")),
    5432,
  ),
  POSTGRES_DB: z._default(z.string(), "postgres"),
  POSTGRES_USER: text,
  POSTGRES_PASSWORD: text,
  POSTGRES_SSL: z.optional(z.enum(["true", "false", "no-verify"], "must be true, false or no-verify")),
  POSTGRES_POOL_SIZE: z.optional(
    z.coerce.number("must be a number").check(z.int(), z.minimum(1, "must be 1 or more")),
  ),
});

/**
 * The credential that a service has where no secret is configured: `POSTGRES_HOST`, `_PORT` (5432), `_DB`
 * (`postgres`), `_USER`, `_PASSWORD`, `_SSL` and `_POOL_SIZE`. It does not rotate.
 *
 * @returns undefined where neither host, user nor password is set
 * @throws ConfigError listing every variable that is missing or wrong
 */
export function readPostgresEnvironment(env: NodeJS.ProcessEnv): PostgresEnvironment | undefined {
  if (!env.POSTGRES_HOST && !env.POSTGRES_USER && !env.POSTGRES_PASSWORD) return undefined;
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = z.safeParse(Variables, given);
  if (!parsed.success) throw new ConfigError(describeIssues(parsed.error));
  const { POSTGRES_SSL, POSTGRES_POOL_SIZE, ...variables } = parsed.data;
  const secret = {
    host: variables.POSTGRES_HOST,
    port: variables.POSTGRES_PORT,
    dbname: variables.POSTGRES_DB,
    username: variables.POSTGRES_USER,
    password: variables.POSTGRES_PASSWORD,
  };
  return {
    source: createFixedSource(new Redacted(JSON.stringify(secret))),
    ssl: POSTGRES_SSL && SSL[POSTGRES_SSL],
    max: POSTGRES_POOL_SIZE,
  };
}

function createFixedSource(value: Redacted): SecretSource {
  const version = { secretArn: ENVIRONMENT, versionId: ENVIRONMENT, labels: [CURRENT], value };
  return {
    name: ENVIRONMENT,
    isStatic: true,
    readCurrent: async () => version,
    readVersion: async () => version,
  };
}
