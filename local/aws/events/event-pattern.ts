import { AwsError } from "../aws-error.ts";
import { compileMatcher, isLeaf, type Leaf, type Matcher, type Refuse } from "./event-pattern-matcher.ts";

/**
 * EventBridge's event patterns. No package on npm matches them: AWS publishes its own matcher for Java
 * (https://github.com/aws/event-ruler), whose rules these are.
 */
export type EventPattern = (event: unknown) => boolean;

/** Names that `$or` does not take as fields, because they would be mistaken for operators. */
const operatorNames: ReadonlySet<string> = new Set([
  "exactly",
  "exists",
  "prefix",
  "suffix",
  "anything-but",
  "numeric",
  "cidr",
  "equals-ignore-case",
  "wildcard",
]);

/**
 * Compiles an event pattern.
 *
 * @throws AwsError InvalidEventPatternException naming the path and what is wrong there
 * @example compileEventPattern({ source: ["aws.secretsmanager"], detail: { name: [{ prefix: "prod/" }] } })(event)
 */
export function compileEventPattern(pattern: unknown): EventPattern {
  if (!isObject(pattern)) return invalid("Filter is not an object");
  const node = compileObject(pattern, [], false);
  return (event) => node([event]);
}

/** @throws AwsError InvalidEventPatternException where the text is not JSON, or as `compileEventPattern` does */
export function parseEventPattern(text: string): EventPattern {
  let pattern: unknown;
  try {
    pattern = JSON.parse(text);
  } catch {
    return invalid("Invalid JSON");
  }
  return compileEventPattern(pattern);
}

/**
 * Tests the values that an event has at a path. There are several where arrays were on the way, and none where
 * the event has no such path.
 */
type Node = (values: readonly unknown[]) => boolean;

function compileObject(pattern: Record<string, unknown>, path: readonly string[], insideOr: boolean): Node {
  const entries = Object.entries(pattern);
  if (entries.length === 0) return invalid(`Empty objects are not allowed${at(path)}`);
  const tests = entries.map(([key, value]): ((object: Readonly<Record<string, unknown>>) => boolean) => {
    if (key === "$or") {
      const alternatives = compileOr(value, path);
      return (object) => alternatives.some((alternative) => alternative([object]));
    }
    const fieldPath = [...path, key];
    if (insideOr && operatorNames.has(key)) {
      return invalid(`${key} is Ruler reserved fieldName which cannot be used inside $or${at(path)}.`);
    }
    const node = compileField(value, fieldPath, insideOr);
    return (object) => node(Object.hasOwn(object, key) ? [object[key]] : []);
  });
  return (values) => {
    // Fields match together within one element of an array, never across elements.
    const objects = flatten(values).filter(isObject);
    const candidates = objects.length > 0 ? objects : [{}];
    return candidates.some((object) => tests.every((test) => test(object)));
  };
}

function compileField(value: unknown, path: readonly string[], insideOr: boolean): Node {
  if (isObject(value)) return compileObject(value, path, insideOr);
  if (Array.isArray(value)) return compileAlternatives(value, path);
  return invalid(`"${path.join(".")}" must be an object or an array`);
}

function compileAlternatives(alternatives: readonly unknown[], path: readonly string[]): Node {
  if (alternatives.length === 0) return invalid(`Empty arrays are not allowed${at(path)}`);
  const refuse: Refuse = (reason) => invalid(`${reason}${at(path)}`);
  const matchers: readonly Matcher[] = alternatives.map((alternative) => compileMatcher(alternative, refuse));
  return (values) => {
    const leaves: readonly Leaf[] = flatten(values).filter(isLeaf);
    return matchers.some(({ kind, test }) => (kind === "absent" ? leaves.length === 0 : leaves.some(test)));
  };
}

function compileOr(value: unknown, path: readonly string[]): readonly Node[] {
  if (!Array.isArray(value)) return invalid(`It must be an Array followed with $or${at(path)}.`);
  const alternatives: readonly unknown[] = value;
  if (alternatives.length < 2) {
    return invalid(`There must have at least 2 Objects in $or relationship${at(path)}.`);
  }
  return alternatives.map((alternative) =>
    isObject(alternative)
      ? compileObject(alternative, path, true)
      : invalid(`Only JSON object is allowed in array of $or relationship${at(path)}.`),
  );
}

/** Arrays of arrays count as one array. */
function flatten(values: readonly unknown[]): readonly unknown[] {
  return values.flat(Number.POSITIVE_INFINITY);
}

function at(path: readonly string[]): string {
  return path.length === 0 ? "" : ` at "${path.join(".")}"`;
}

function invalid(reason: string): never {
  throw new AwsError("InvalidEventPatternException", `Event pattern is not valid. Reason: ${reason}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
