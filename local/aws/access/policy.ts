import { isArnPattern } from "./arn-pattern.ts";
import { conditionOperators, type PolicyCondition } from "./condition.ts";

/** One statement of a policy, in the part of the policy language that the local run evaluates. */
export interface PolicyStatement {
  /** How messages call it: by its Sid, or by its place. */
  readonly label: string;
  readonly effect: "Allow" | "Deny";
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions: readonly PolicyCondition[];
  /** Present in resource-based policies only: `*`, or AWS services such as `events.amazonaws.com`. */
  readonly principalServices?: readonly string[];
}

type PolicyKind = "identity" | "resource";

/** What was read, and everything that was wrong: a caller reports all problems at once. */
export interface ParsedPolicy {
  readonly statements: readonly PolicyStatement[];
  readonly problems: readonly string[];
}

const elements: Record<PolicyKind, readonly string[]> = {
  identity: ["Sid", "Effect", "Action", "Resource", "Condition"],
  resource: ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"],
};

/** Statements of a policy document, or the problem with the document around them. */
export function readStatements(document: unknown): {
  statements: readonly unknown[];
  problems: readonly string[];
} {
  if (!isRecord(document)) return { statements: [], problems: ["the policy document is not an object"] };
  const problems = Object.keys(document)
    .filter((key) => !["Version", "Id", "Statement"].includes(key))
    .map((key) => `the document element ${key} is not supported`);
  // Without it IAM reads the policy by the language of 2008, which knows no policy variables.
  if (document.Version !== "2012-10-17") problems.push('the document needs Version "2012-10-17"');
  return {
    statements: Array.isArray(document.Statement) ? document.Statement : [document.Statement],
    problems,
  };
}

/** Reads statements. Anything that the local run would not evaluate as IAM does is a problem, never skipped. */
export function parseStatements(kind: PolicyKind, statements: readonly unknown[]): ParsedPolicy {
  const problems: string[] = [];
  const parsed = statements.flatMap((statement, index): PolicyStatement[] => {
    const found: string[] = [];
    const result = parseStatement(kind, statement, index, (problem) => found.push(problem));
    problems.push(...found.map((problem) => `statement ${labelOf(statement, index)}: ${problem}`));
    return result && found.length === 0 ? [result] : [];
  });
  return { statements: parsed, problems };
}

function parseStatement(
  kind: PolicyKind,
  statement: unknown,
  index: number,
  report: (problem: string) => void,
): PolicyStatement | undefined {
  if (!isRecord(statement)) {
    report("is not an object");
    return undefined;
  }
  for (const key of Object.keys(statement)) {
    if (!elements[kind].includes(key)) {
      report(`${key} is not supported; use ${elements[kind].join(", ")}`);
    }
  }
  const { Effect: effect } = statement;
  if (effect !== "Allow" && effect !== "Deny") report("Effect must be Allow or Deny");
  const actions = readStrings("Action", statement.Action, report);
  const resources = readStrings("Resource", statement.Resource, report);
  for (const resource of resources) {
    if (resource !== "*" && !isArnPattern(resource)) report(`Resource "${resource}" is neither * nor an ARN`);
  }
  return {
    label: labelOf(statement, index),
    effect: effect === "Deny" ? "Deny" : "Allow",
    actions,
    resources,
    conditions: readConditions(statement.Condition, report),
    ...(kind === "resource" ? { principalServices: readPrincipal(statement.Principal, report) } : {}),
  };
}

function readPrincipal(principal: unknown, report: (problem: string) => void): readonly string[] {
  if (principal === "*") return ["*"];
  if (!isRecord(principal) || Object.keys(principal).length === 0) {
    report('Principal must be "*", or an object with Service or AWS');
    return [];
  }
  return Object.entries(principal).flatMap(([type, value]) => {
    if (type === "Service") return readStrings("Principal.Service", value, report);
    // Accounts and roles are no services; "*" among them is everyone.
    if (type === "AWS") return readStrings("Principal.AWS", value, report).filter((name) => name === "*");
    report(`Principal.${type} is not supported`);
    return [];
  });
}

function readConditions(block: unknown, report: (problem: string) => void): readonly PolicyCondition[] {
  if (block === undefined) return [];
  if (!isRecord(block)) {
    report("Condition is not an object");
    return [];
  }
  return Object.entries(block).flatMap(([name, keys]) => {
    const known = conditionOperators.get(name);
    if (!known || !isRecord(keys)) {
      report(
        known
          ? `Condition ${name} is not an object`
          : `condition operator ${name} is not supported; use ${[...conditionOperators.keys()].join(", ")}`,
      );
      return [];
    }
    return Object.entries(keys).map(([key, value]) => ({
      ...known,
      key,
      values: readConditionValues(`Condition ${name} ${key}`, value, report),
    }));
  });
}

function readConditionValues(
  element: string,
  value: unknown,
  report: (problem: string) => void,
): readonly string[] {
  const values = (Array.isArray(value) ? value : [value]).map((one) =>
    typeof one === "boolean" ? String(one) : one,
  );
  return readStrings(element, values, report);
}

function readStrings(element: string, value: unknown, report: (problem: string) => void): readonly string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length === 0 || !values.every((one) => typeof one === "string")) {
    report(`${element} must be a string or a list of strings`);
    return [];
  }
  for (const one of values) {
    if (one.includes("${")) report(`${element} holds the policy variable ${one}, which is not supported`);
  }
  return values;
}

function labelOf(statement: unknown, index: number): string {
  return isRecord(statement) && typeof statement.Sid === "string" ? statement.Sid : String(index + 1);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
