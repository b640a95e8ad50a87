import { readFileSync } from "node:fs";
import { type Argument, type CallExpression, type Expression, parseSync } from "@swc/core";

/** One place where a line is logged. */
export interface LoggedMessage {
  readonly message: string;
  /** Undefined where it is computed. */
  readonly level: string | undefined;
  /** Names of the fields that stand there; what is spread is not among them. */
  readonly fields: readonly string[];
}

/**
 * Finds every call of a logger in a source file.
 *
 * @throws Error where a message is not a fixed sentence
 */
export function findLoggedMessages(path: string): LoggedMessage[] {
  const found: LoggedMessage[] = [];
  const visit = (node: unknown) => {
    if (Array.isArray(node)) node.forEach(visit);
    else if (typeof node === "object" && node !== null) {
      const call = node as CallExpression;
      if (call.type === "CallExpression" && isLogger(call)) found.push(readCall(call, path));
      Object.values(node).forEach(visit);
    }
  };
  visit(parseSync(readFileSync(path, "utf8"), { syntax: "typescript", target: "es2024" }));
  return found;
}

function isLogger({ callee }: CallExpression): boolean {
  if (callee.type !== "MemberExpression") return false;
  const { object } = callee;
  const name = object.type === "MemberExpression" ? object.property : object;
  return "value" in name && /logger$/i.test(String(name.value));
}

function readCall({ callee, arguments: given }: CallExpression, path: string): LoggedMessage {
  const [fields, message] = given.map(({ expression }: Argument) => expression);
  if (message?.type !== "StringLiteral") {
    throw new Error(`${path} logs what is not a fixed sentence: data belong in the fields`);
  }
  const level =
    callee.type === "MemberExpression" && callee.property.type === "Identifier"
      ? callee.property.value
      : undefined;
  return { message: message.value, level, fields: keysOf(fields) };
}

function keysOf(expression: Expression | undefined): string[] {
  if (expression?.type !== "ObjectExpression") return [];
  return expression.properties.flatMap((property) => {
    if (property.type === "Identifier") return [property.value];
    const isNamed = property.type === "KeyValueProperty" && property.key.type === "Identifier";
    return isNamed && "value" in property.key ? [String(property.key.value)] : [];
  });
}
