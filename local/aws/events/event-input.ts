import { AwsError } from "../aws-error.ts";
import type { AwsEvent } from "./aws-event.ts";
import { compileEventPath } from "./event-path.ts";

/** What a target gets instead of the whole event; at most one of them. */
export interface EventInputOptions {
  /** JSON that is sent as it is. */
  readonly Input?: string | undefined;
  readonly InputPath?: string | undefined;
  readonly InputTransformer?:
    | {
        readonly InputPathsMap?: Readonly<Record<string, string>> | undefined;
        readonly InputTemplate: string;
      }
    | undefined;
}

/** What templates can name besides the event's own values. */
export interface EventInputContext {
  readonly ruleArn: string;
  readonly ruleName: string;
  readonly ingestedAt: Date;
}

/** Makes the body that a target gets of an event. */
export type EventInput = (event: AwsEvent, context: EventInputContext) => string;

const MAX_PATHS = 100;

/**
 * Compiles a target's input settings; without any, the target gets the whole event.
 *
 * @throws AwsError ValidationException where there are several, or one is not valid
 */
export function compileEventInput({ Input, InputPath, InputTransformer }: EventInputOptions): EventInput {
  if ([Input, InputPath, InputTransformer].filter((option) => option !== undefined).length > 1) {
    throw new AwsError(
      "ValidationException",
      "Only one of Input, InputPath, or InputTransformer must be provided.",
    );
  }
  if (Input !== undefined) {
    if (!isJson(Input))
      throw new AwsError("ValidationException", "The Input of the target is not valid JSON.");
    return () => Input;
  }
  if (InputPath !== undefined) {
    const path = compileEventPath(InputPath);
    return (event) => JSON.stringify(path(event) ?? null);
  }
  if (InputTransformer !== undefined) {
    return compileTransformer(InputTransformer.InputPathsMap ?? {}, InputTransformer.InputTemplate);
  }
  return (event) => JSON.stringify(event);
}

function compileTransformer(pathsMap: Readonly<Record<string, string>>, template: string): EventInput {
  const names = Object.keys(pathsMap);
  if (names.length > MAX_PATHS) {
    throw new AwsError(
      "ValidationException",
      `InputPathsMap has ${names.length} entries; at most ${MAX_PATHS} are allowed.`,
    );
  }
  const reserved = names.find((name) => /^aws\./i.test(name));
  if (reserved) {
    throw new AwsError("ValidationException", `InputPathsMap key ${reserved} must not start with "AWS".`);
  }
  const paths = Object.entries(pathsMap).map(([name, path]) => [name, compileEventPath(path)] as const);
  for (const [, name = ""] of template.matchAll(/<([\w.-]+)>/g)) {
    if (!Object.hasOwn(pathsMap, name) && !predefinedNames.includes(name)) {
      throw new AwsError(
        "ValidationException",
        `InputTemplate names <${name}>, which InputPathsMap does not define.`,
      );
    }
  }
  return (event, context) => {
    const values = new Map<string, unknown>(paths.map(([name, path]) => [name, path(event)]));
    for (const [name, value] of Object.entries(predefined(event, context))) values.set(name, value);
    return render(template, values);
  };
}

const predefinedNames: readonly string[] = [
  "aws.events.rule-arn",
  "aws.events.rule-name",
  "aws.events.event.ingestion-time",
  "aws.events.event",
  "aws.events.event.json",
];

function predefined(
  event: AwsEvent,
  { ruleArn, ruleName, ingestedAt }: EventInputContext,
): Record<string, unknown> {
  const { detail: _, ...withoutDetail } = event;
  return {
    "aws.events.rule-arn": ruleArn,
    "aws.events.rule-name": ruleName,
    "aws.events.event.ingestion-time": ingestedAt.toISOString(),
    "aws.events.event": withoutDetail,
    "aws.events.event.json": event,
  };
}

/**
 * Fills a template. Outside quotation marks a value stands as JSON; inside, as text, and an object there loses its
 * own quotation marks. A value that the event lacks leaves nothing.
 */
function render(template: string, values: ReadonlyMap<string, unknown>): string {
  let insideQuotes = false;
  return template.replaceAll(/\\.|"|<([\w.-]+)>/gs, (token: string, name: string | undefined) => {
    if (token === '"') insideQuotes = !insideQuotes;
    if (name === undefined) return token;
    const value = values.get(name);
    if (value === undefined) return "";
    if (!insideQuotes) return JSON.stringify(value);
    return typeof value === "string"
      ? JSON.stringify(value).slice(1, -1)
      : JSON.stringify(value).replaceAll('"', "");
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
