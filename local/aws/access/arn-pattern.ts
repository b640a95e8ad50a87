import { globsOverlap, matchesGlob } from "./glob.ts";

const SEGMENTS = 6;

/** The six segments of an ARN; the last one keeps its own colons. Undefined where the text is no ARN. */
function splitArn(arn: string): readonly string[] | undefined {
  const parts = arn.split(":");
  if (parts[0] !== "arn" || parts.length < SEGMENTS) return undefined;
  return [...parts.slice(0, SEGMENTS - 1), parts.slice(SEGMENTS - 1).join(":")];
}

function everySegment(
  left: string,
  right: string,
  test: (leftSegment: string, rightSegment: string) => boolean,
): boolean {
  const leftSegments = splitArn(left);
  const rightSegments = splitArn(right);
  if (!leftSegments || !rightSegments) return false;
  return leftSegments.every((segment, index) => test(segment, rightSegments[index] ?? ""));
}

/**
 * Matches a resource against a policy's `Resource`. Wildcards do not reach over the first five colons of an ARN.
 * A call on `*` (an action without resource types) is matched by `*` alone.
 */
export function matchesArnPattern(pattern: string, resource: string): boolean {
  return pattern === "*" || everySegment(pattern, resource, matchesGlob);
}

/** Whether a `Resource` pattern can name a resource of the given kind; both may hold wildcards. */
export function arnPatternsOverlap(left: string, right: string): boolean {
  return everySegment(left, right, globsOverlap);
}

export function isArnPattern(text: string): boolean {
  return splitArn(text) !== undefined;
}
