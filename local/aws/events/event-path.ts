import { AwsError } from "../aws-error.ts";

/** Picks a value out of an event; undefined where the event has none there. */
export type EventPath = (event: unknown) => unknown;

/** A member, an index, or all of them. */
const STEP = /\.([\w/-]+|\*)|\[(\d+|\*)\]/y;

/**
 * Compiles the part of JSONPath that EventBridge takes: `$`, members with dots, indices in brackets, wildcards.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 *
 * @throws AwsError ValidationException where the path is of another form
 * @example compileEventPath("$.detail.name")(event)
 */
export function compileEventPath(path: string): EventPath {
  const steps = readSteps(path);
  return (event) => follow(event, steps);
}

function readSteps(path: string): readonly string[] {
  const steps: string[] = [];
  let position = 1;
  while (position < path.length) {
    STEP.lastIndex = position;
    const match = STEP.exec(path);
    if (!match) break;
    steps.push(match[1] ?? match[2] ?? "");
    position = STEP.lastIndex;
  }
  if (!path.startsWith("$") || position < path.length) {
    throw new AwsError(
      "ValidationException",
      `Invalid JSONPath "${path}": use $, members as in $.detail.name, indices as in $.resources[0], and *`,
    );
  }
  return steps;
}

function follow(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return value;
  if (typeof value !== "object" || value === null) return undefined;
  if (step === "*") {
    return Object.values(value)
      .map((member) => follow(member, rest))
      .filter((member) => member !== undefined);
  }
  return Object.hasOwn(value, step) ? follow((value as Record<string, unknown>)[step], rest) : undefined;
}
