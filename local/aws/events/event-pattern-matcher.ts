import { BlockList, isIP, isIPv6 } from "node:net";

/** A leaf of an event: anything that is neither object nor array. */
export type Leaf = string | number | boolean | null;

/** One alternative in the list that a pattern gives for a field. */
export type LeafTest = (leaf: Leaf) => boolean;

export interface Matcher {
  /** `exists: false` looks for no leaf at all. */
  readonly kind: "leaf" | "absent";
  readonly test: LeafTest;
}

/** Says what is wrong with a pattern; never returns. */
export type Refuse = (reason: string) => never;

/**
 * Compiles one alternative, such as `"running"` or `{ "prefix": "prod/" }`.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function compileMatcher(value: unknown, refuse: Refuse): Matcher {
  if (isLeaf(value)) return { kind: "leaf", test: (leaf) => leaf === value };
  if (typeof value !== "object" || Array.isArray(value)) {
    return refuse("Match value must be String, number, true, false, or null");
  }
  const [entry, ...others] = Object.entries(value as object);
  if (!entry) return refuse("Match expression name not found");
  if (others.length > 0) return refuse("Only one key allowed in match expression");
  const [name, operand] = entry;
  if (name === "exists") {
    if (typeof operand !== "boolean") return refuse("exists match pattern must be either true or false.");
    return { kind: operand ? "leaf" : "absent", test: () => true };
  }
  return { kind: "leaf", test: compileOperator(name, operand, refuse) };
}

function compileOperator(name: string, operand: unknown, refuse: Refuse): LeafTest {
  switch (name) {
    case "anything-but":
      return compileAnythingBut(operand, refuse);
    case "numeric":
      return compileNumeric(operand, refuse);
    case "cidr":
      return compileCidr(operand, refuse);
    case "prefix":
    case "suffix":
    case "wildcard":
    case "equals-ignore-case":
      return compileText(name, operand, refuse);
    default:
      return refuse(`Unrecognized match type ${name}`);
  }
}

type TextOperator = "prefix" | "suffix" | "wildcard" | "equals-ignore-case";

function compileText(name: TextOperator, operand: unknown, refuse: Refuse): LeafTest {
  if ((name === "prefix" || name === "suffix") && isObject(operand)) {
    const [[inner, text] = []] = Object.entries(operand);
    if (inner !== "equals-ignore-case" || Object.keys(operand).length !== 1) {
      return refuse(`Unsupported ${name} pattern: ${Object.keys(operand).join(", ")}`);
    }
    if (typeof text !== "string") return refuse("equals-ignore-case match pattern must be a string");
    const test = textTest(name, text.toLowerCase(), refuse);
    return (leaf) => typeof leaf === "string" && test(leaf.toLowerCase());
  }
  if (typeof operand !== "string") return refuse(`${name} match pattern must be a string`);
  const test = textTest(name, operand, refuse);
  return (leaf) => typeof leaf === "string" && test(leaf);
}

function textTest(name: TextOperator, text: string, refuse: Refuse): (value: string) => boolean {
  switch (name) {
    case "prefix":
      return (value) => value.startsWith(text);
    case "suffix":
      return (value) => value.endsWith(text);
    case "equals-ignore-case":
      return (value) => value.toLowerCase() === text.toLowerCase();
    case "wildcard":
      return compileWildcard(text, refuse);
  }
}

/** `*` stands for any characters; `\*` and `\\` stand for themselves. */
function compileWildcard(text: string, refuse: Refuse): (value: string) => boolean {
  const tokens = text.match(/\\.?|[^\\]/gs) ?? [];
  for (const [index, token] of tokens.entries()) {
    if (token.startsWith("\\") && token !== "\\*" && token !== "\\\\") {
      return refuse("Invalid escape character in wildcard: only \\* and \\\\ are allowed");
    }
    if (token === "*" && tokens[index + 1] === "*")
      return refuse("Consecutive wildcard characters are not allowed");
  }
  const source = tokens
    .map((token) => (token === "*" ? "[^]*" : (token.at(-1) ?? "").replace(/[$()*+.?[\\\]^{|}]/, "\\$&")))
    .join("");
  const expression = new RegExp(`^${source}$`);
  return (value) => expression.test(value);
}

function compileAnythingBut(operand: unknown, refuse: Refuse): LeafTest {
  if (isObject(operand)) {
    const [[name = "", inner] = []] = Object.entries(operand);
    const isSupported = ["prefix", "suffix", "wildcard", "equals-ignore-case"].includes(name);
    if (!isSupported || Object.keys(operand).length !== 1) {
      return refuse(`Unsupported anything-but pattern: ${Object.keys(operand).join(", ")}`);
    }
    const texts: readonly unknown[] = Array.isArray(inner) ? inner : [inner];
    if (texts.length === 0) return refuse("Empty arrays are not allowed");
    if ((name === "prefix" || name === "suffix") && texts.includes("")) {
      return refuse("Null prefix/suffix not allowed");
    }
    const tests = texts.map((text) => {
      if (typeof text !== "string") return refuse(`${name} match pattern must be a string`);
      return compileText(name as TextOperator, text, refuse);
    });
    return (leaf) => !tests.some((test) => test(leaf));
  }
  const values: readonly unknown[] = Array.isArray(operand) ? operand : [operand];
  const isUniform =
    values.length > 0 &&
    (values.every((value) => typeof value === "string") ||
      values.every((value) => typeof value === "number"));
  if (!isUniform) {
    return refuse(
      "Inside anything but list, either all values are number or string, mixed type is not supported; neither are null and booleans",
    );
  }
  return (leaf) => !values.some((value) => value === leaf);
}

const comparisons: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  "=": (value, bound) => value === bound,
  "<": (value, bound) => value < bound,
  "<=": (value, bound) => value <= bound,
  ">": (value, bound) => value > bound,
  ">=": (value, bound) => value >= bound,
};

function compileNumeric(operand: unknown, refuse: Refuse): LeafTest {
  if (!Array.isArray(operand)) return refuse("Value of numeric must be an array.");
  const [operator, bound, secondOperator, secondBound, ...rest]: readonly unknown[] = operand;
  const first = compileComparison(operator, bound, refuse);
  if (operand.length === 2) return (leaf) => typeof leaf === "number" && first(leaf);
  const isRange = String(operator).startsWith(">") && String(secondOperator).startsWith("<");
  if (!isRange || rest.length > 0) return refuse("Too many elements in numeric expression");
  const second = compileComparison(secondOperator, secondBound, refuse);
  if (Number(bound) >= Number(secondBound)) return refuse("Bottom must be less than top");
  return (leaf) => typeof leaf === "number" && first(leaf) && second(leaf);
}

function compileComparison(operator: unknown, bound: unknown, refuse: Refuse): (value: number) => boolean {
  const compare = typeof operator === "string" ? comparisons[operator] : undefined;
  if (!compare) return refuse(`Unrecognized numeric range operator: ${String(operator)}`);
  if (typeof bound !== "number") return refuse(`Value of ${String(operator)} must be numeric`);
  return (value) => compare(value, bound);
}

function compileCidr(operand: unknown, refuse: Refuse): LeafTest {
  if (typeof operand !== "string") return refuse("cidr match pattern must be a string");
  const [address = "", bits = "", ...rest] = operand.split("/");
  const family = isIP(address);
  const length = /^\d+$/.test(bits) ? Number(bits) : Number.NaN;
  if (rest.length > 0 || family === 0 || !(length <= (family === 6 ? 128 : 32))) {
    return refuse(`Malformed CIDR, one '/' required with an address and a mask: ${operand}`);
  }
  const block = new BlockList();
  block.addSubnet(address, length, family === 6 ? "ipv6" : "ipv4");
  return (leaf) =>
    typeof leaf === "string" && isIP(leaf) !== 0 && block.check(leaf, isIPv6(leaf) ? "ipv6" : "ipv4");
}

export function isLeaf(value: unknown): value is Leaf {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
