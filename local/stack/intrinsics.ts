import { TemplateError } from "./template-error.ts";

/** What the names in a template stand for. Each refuses, with the path, a name that stands for nothing. */
export interface TemplateScope {
  reference(name: string, path: string): unknown;
  attribute(logicalId: string, attribute: string, path: string): unknown;
  condition(name: string, path: string): boolean;
}

/** What `Ref: AWS::NoValue` resolves to: the property or list item that holds it is left out. */
export const NO_VALUE = Symbol("AWS::NoValue");

type Intrinsic = (argument: unknown, path: string, scope: TemplateScope) => unknown;

/**
 * Resolves every intrinsic function in a value of a template.
 *
 * `cfn-resolver-lib` does this too, but is unmaintained since 2020, takes the `Condition` of an IAM statement for a
 * CloudFormation condition, and leaves references to nothing as they are. Here `Condition` is data like any other key:
 * CloudFormation knows it as a function in the Conditions section only.
 *
 * @throws TemplateError for unknown functions, wrong arguments and names that stand for nothing
 */
export function resolveIntrinsics(value: unknown, path: string, scope: TemplateScope): unknown {
  if (Array.isArray(value)) {
    return value
      .map((item, index) => resolveIntrinsics(item, `${path}[${index}]`, scope))
      .filter((item) => item !== NO_VALUE);
  }
  if (!isRecord(value)) return value;
  const keys = Object.keys(value);
  const name = keys.find((key) => key === "Ref" || key.startsWith("Fn::"));
  if (name === undefined) {
    const entries = Object.entries(value)
      .map(([key, each]) => [key, resolveIntrinsics(each, `${path}.${key}`, scope)] as const)
      .filter(([, each]) => each !== NO_VALUE);
    return Object.fromEntries(entries);
  }
  if (keys.length > 1)
    throw new TemplateError(path, `${name} must stand alone, not beside ${keys.join(", ")}`);
  const intrinsic = Object.hasOwn(INTRINSICS, name) ? INTRINSICS[name] : undefined;
  if (!intrinsic) throw new TemplateError(path, `the local run does not support ${name}`);
  return intrinsic(value[name], `${path}.${name}`, scope);
}

/** Evaluates a condition function: `Fn::Equals`, `Fn::And`, `Fn::Or`, `Fn::Not`, or `Condition`, which names another. */
export function evaluateCondition(value: unknown, path: string, scope: TemplateScope): boolean {
  const entries = isRecord(value) ? Object.entries(value) : [];
  const [name, argument] = entries[0] ?? [];
  if (entries.length !== 1 || name === undefined)
    throw new TemplateError(path, "must hold one condition function");
  const inner = `${path}.${name}`;
  const all = (least: number, most: number) =>
    list(argument, inner, least, most).map((each, index) =>
      evaluateCondition(each, `${inner}[${index}]`, scope),
    );
  switch (name) {
    case "Condition":
      return scope.condition(text(argument, inner), inner);
    case "Fn::Equals": {
      const [left, right] = list(argument, inner, 2, 2).map((each, index) =>
        JSON.stringify(comparable(resolveIntrinsics(each, `${inner}[${index}]`, scope))),
      );
      return left === right;
    }
    case "Fn::And":
      return all(2, 10).every(Boolean);
    case "Fn::Or":
      return all(2, 10).some(Boolean);
    case "Fn::Not":
      return !all(1, 1)[0];
    default:
      throw new TemplateError(path, `${name} is not a condition function`);
  }
}

const INTRINSICS: Readonly<Record<string, Intrinsic>> = {
  Ref: (argument, path, scope) => scope.reference(text(argument, path), path),
  "Fn::GetAtt": (argument, path, scope) => {
    const parts = typeof argument === "string" ? argument.split(".") : list(argument, path, 2, 2);
    const [logicalId, ...attribute] = parts.map((part) => text(part, path));
    return scope.attribute(text(logicalId, path), attribute.join("."), path);
  },
  "Fn::Sub": (argument, path, scope) => {
    const [template, variables] = typeof argument === "string" ? [argument, {}] : list(argument, path, 2, 2);
    if (!isRecord(variables)) throw new TemplateError(`${path}[1]`, "must map names to values");
    return substitute(text(template, path), variables, path, scope);
  },
  "Fn::Join": (argument, path, scope) => {
    const [delimiter, items] = list(argument, path, 2, 2);
    const resolved = resolvedList(items, `${path}[1]`, scope);
    return resolved.map((item) => scalar(item, path)).join(text(delimiter, path));
  },
  "Fn::Split": (argument, path, scope) => {
    const [delimiter, source] = list(argument, path, 2, 2);
    return scalar(resolveIntrinsics(source, `${path}[1]`, scope), path).split(text(delimiter, path));
  },
  "Fn::Select": (argument, path, scope) => {
    const [index, items] = list(argument, path, 2, 2);
    const resolved = resolvedList(items, `${path}[1]`, scope);
    const position = Number(scalar(resolveIntrinsics(index, `${path}[0]`, scope), path));
    if (!(position in resolved))
      throw new TemplateError(path, `there is no item ${position} among ${resolved.length}`);
    return resolved[position];
  },
  "Fn::If": (argument, path, scope) => {
    const [name, whenTrue, whenFalse] = list(argument, path, 3, 3);
    const isTrue = scope.condition(text(name, path), path);
    return resolveIntrinsics(isTrue ? whenTrue : whenFalse, `${path}[${isTrue ? 1 : 2}]`, scope);
  },
  "Fn::ImportValue": (_argument, path) => {
    throw new TemplateError(path, "the local run has no other stacks to import from");
  },
};

/** `${Name}`, `${Resource.Attribute}`, and `${!Literal}`, which stays as `${Literal}`. */
function substitute(
  template: string,
  variables: Readonly<Record<string, unknown>>,
  path: string,
  scope: TemplateScope,
): string {
  return template.replaceAll(/\$\{([^}]*)\}/g, (_whole, inner: string) => {
    if (inner.startsWith("!")) return `\${${inner.slice(1)}}`;
    const name = inner.trim();
    if (Object.hasOwn(variables, name)) {
      return scalar(resolveIntrinsics(variables[name], `${path}[1].${name}`, scope), path);
    }
    const dot = name.indexOf(".");
    return scalar(
      dot === -1
        ? scope.reference(name, path)
        : scope.attribute(name.slice(0, dot), name.slice(dot + 1), path),
      path,
    );
  });
}

function resolvedList(value: unknown, path: string, scope: TemplateScope): unknown[] {
  const resolved = resolveIntrinsics(value, path, scope);
  if (!Array.isArray(resolved)) throw new TemplateError(path, "must be a list");
  return resolved;
}

function list(value: unknown, path: string, least: number, most: number): unknown[] {
  if (Array.isArray(value) && value.length >= least && value.length <= most) return value;
  throw new TemplateError(path, `takes a list of ${least === most ? least : `${least} to ${most}`}`);
}

function text(value: unknown, path: string): string {
  if (typeof value === "string") return value;
  throw new TemplateError(path, `takes a text here, not ${JSON.stringify(value)}`);
}

function scalar(value: unknown, path: string): string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return String(value);
  throw new TemplateError(
    path,
    `takes texts, not ${value === NO_VALUE ? "AWS::NoValue" : JSON.stringify(value)}`,
  );
}

/** CloudFormation compares texts: a number equals its digits. */
function comparable(value: unknown): unknown {
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
