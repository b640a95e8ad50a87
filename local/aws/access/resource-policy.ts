import { ConfigError } from "../../../shared/contract/errors.ts";
import { decide } from "./authorizer.ts";
import { createContext } from "./condition.ts";
import { type PolicyStatement, parseStatements, readStatements } from "./policy.ts";
import { lintStatements } from "./policy-lint.ts";

/** What an AWS service wants to do to a resource, such as EventBridge sending to a queue. */
export interface ServiceAccess {
  /** Such as `events.amazonaws.com`. */
  readonly principalService: string;
  readonly action: string;
  /** ARN of the resource that the policy belongs to. */
  readonly resource: string;
  /** Condition keys, such as `aws:SourceArn`. */
  readonly context?: Readonly<Record<string, string>>;
}

/**
 * Whether a resource-based policy (a queue's) lets an AWS service act. Without a policy nothing is allowed.
 *
 * @throws ConfigError where the policy is one that the local run cannot evaluate as IAM does
 */
export function checkResourcePolicy(document: unknown, access: ServiceAccess): boolean {
  if (document === undefined) return false;
  const { principalService, ...request } = access;
  const statements = parse(document).filter(
    ({ principalServices = [] }) =>
      principalServices.includes("*") || principalServices.includes(principalService),
  );
  return decide(statements, request, createContext(request.context)) === "allowed";
}

/**
 * Checks a resource-based policy when it is loaded: also that its actions, resources and condition keys exist.
 *
 * @throws ConfigError listing every problem; `owner` is what messages call the resource
 */
export async function validateResourcePolicy(owner: string, document: unknown): Promise<void> {
  const problems = await lintStatements(parse(document, owner));
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `policy of ${owner}: ${problem}`));
}

function parse(document: unknown, owner = "a resource"): readonly PolicyStatement[] {
  const { statements, problems: documentProblems } = readStatements(document);
  const { statements: parsed, problems } = parseStatements("resource", statements);
  const all = [...documentProblems, ...problems];
  if (all.length > 0) throw new ConfigError(all.map((problem) => `policy of ${owner}: ${problem}`));
  return parsed;
}
