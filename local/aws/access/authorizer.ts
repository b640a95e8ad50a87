import { ConfigError } from "../../../shared/contract/errors.ts";
import { AwsError } from "../aws-error.ts";
import type { AccessRequest, Caller } from "../service.ts";
import { matchesArnPattern } from "./arn-pattern.ts";
import { type ConditionContext, conditionHolds, createContext } from "./condition.ts";
import { matchesGlob } from "./glob.ts";
import { type PolicyStatement, parseStatements } from "./policy.ts";
import { lintStatements } from "./policy-lint.ts";

/** Decides calls by the policies of the caller's role, as IAM does: an explicit Deny wins, and nothing is allowed by default. */
export interface Authorizer {
  /**
   * Sets the statements of a managed policy, for roles that are set after it.
   *
   * @throws ConfigError as `putRole` does
   */
  putPolicy(policyArn: string, statements: readonly unknown[]): Promise<void>;
  /**
   * Sets the statements of a role, all of its own policies together, and the managed policies that are attached to it.
   * They replace what the role had.
   *
   * @throws ConfigError where a managed policy is not known, a statement is one that the local run cannot evaluate as IAM does, or names an action,
   * a resource or a condition key that does not exist; lists every problem
   */
  putRole(
    roleArn: string,
    statements: readonly unknown[],
    managedPolicyArns?: readonly string[],
  ): Promise<void>;
  /** @throws AwsError AccessDeniedException naming caller, action and resource of the first request that is not allowed */
  check(caller: Caller, requests: readonly AccessRequest[]): void;
}

export interface AuthorizerOptions {
  /** Statements by role ARN. */
  readonly roles?: Readonly<Record<string, readonly unknown[]>>;
}

/**
 * Creates the IAM check of the local run.
 *
 * @throws ConfigError as `putRole` does
 * @example
 * const authorizer = await createAuthorizer();
 * await authorizer.putRole(roleArn, [{ Effect: "Allow", Action: "sqs:SendMessage", Resource: queueArn }]);
 */
export async function createAuthorizer({ roles = {} }: AuthorizerOptions = {}): Promise<Authorizer> {
  const statementsByRole = new Map<string, readonly PolicyStatement[]>();
  const statementsByPolicy = new Map<string, readonly PolicyStatement[]>();

  const read = async (owner: string, statements: readonly unknown[]): Promise<readonly PolicyStatement[]> => {
    const { statements: parsed, problems } = parseStatements("identity", statements);
    const all = [...problems, ...(await lintStatements(parsed))];
    if (all.length > 0) throw new ConfigError(all.map((problem) => `${owner}: ${problem}`));
    return parsed;
  };
  const putRole: Authorizer["putRole"] = async (roleArn, statements, managedPolicyArns = []) => {
    const unknown = managedPolicyArns.filter((arn) => !statementsByPolicy.has(arn));
    if (unknown.length > 0) {
      throw new ConfigError(unknown.map((arn) => `role ${roleArn}: there is no policy ${arn} to attach`));
    }
    const attached = managedPolicyArns.flatMap((arn) => statementsByPolicy.get(arn) ?? []);
    statementsByRole.set(roleArn, [...(await read(`role ${roleArn}`, statements)), ...attached]);
  };

  for (const [roleArn, statements] of Object.entries(roles)) await putRole(roleArn, statements);

  return {
    async putPolicy(policyArn, statements) {
      statementsByPolicy.set(policyArn, await read(`policy ${policyArn}`, statements));
    },
    putRole,
    check(caller, requests) {
      const { roleArn } = caller;
      if (roleArn === undefined) return;
      const statements = statementsByRole.get(roleArn) ?? [];
      for (const request of requests) {
        const context = createContext(request.context, {
          "aws:PrincipalArn": roleArn,
          "aws:PrincipalAccount": roleArn.split(":")[4] ?? "",
          // The endpoint stands for AWS's, which callers reach over TLS.
          "aws:SecureTransport": "true",
        });
        const decision = decide(statements, request, context);
        if (decision !== "allowed") throw accessDenied(caller, roleArn, request, decision);
      }
    },
  };
}

export type Decision = "allowed" | "denied" | "not-allowed";

/** Evaluates statements whose principal is known to fit. */
export function decide(
  statements: readonly PolicyStatement[],
  request: AccessRequest,
  context: ConditionContext,
): Decision {
  const applying = statements.filter(
    (statement) =>
      statement.actions.some((action) => matchesGlob(action.toLowerCase(), request.action.toLowerCase())) &&
      statement.resources.some((resource) => matchesArnPattern(resource, request.resource)) &&
      statement.conditions.every((condition) => conditionHolds(condition, context)),
  );
  if (applying.some(({ effect }) => effect === "Deny")) return "denied";
  return applying.length > 0 ? "allowed" : "not-allowed";
}

function accessDenied(
  caller: Caller,
  roleArn: string,
  { action, resource }: AccessRequest,
  decision: Decision,
): AwsError {
  const [, partition, , , accountId, role = ""] = roleArn.split(":");
  const session = `arn:${partition}:sts::${accountId}:assumed-role/${role.split("/").at(-1)}/${caller.name}`;
  const because =
    decision === "denied"
      ? "with an explicit deny in an identity-based policy"
      : `because no identity-based policy allows the ${action} action`;
  return new AwsError(
    "AccessDeniedException",
    `User: ${session} is not authorized to perform: ${action} on resource: ${resource} ${because}`,
  );
}
