import * as z from "zod/mini";
import { AwsError } from "../aws-error.ts";
import type { AwsPlace } from "../service.ts";
import { parseProperties } from "../template-properties.ts";
import { compileEventInput, type EventInput } from "./event-input.ts";
import { compileEventPattern, type EventPattern } from "./event-pattern.ts";
import { SCHEDULED_EVENT, SCHEDULER } from "./scheduled-event.ts";

/** Where the events of a rule go. */
export interface EventTarget {
  readonly id: string;
  readonly arn: string;
  /** ARN of the queue that takes what cannot be delivered. */
  readonly deadLetterArn?: string;
}

export interface EventRule {
  readonly name: string;
  readonly arn: string;
  readonly enabled: boolean;
  readonly description?: string;
  /** JSON, as the API tells it; absent for a rule that goes by the clock. */
  readonly eventPattern?: string;
  readonly scheduleExpression?: string;
  readonly targets: readonly EventTarget[];
}

/** A rule ready to run. */
export interface CompiledRule extends EventRule {
  readonly matches: EventPattern;
  readonly inputs: ReadonlyMap<EventTarget, EventInput>;
  /** The targets as ListTargetsByRule tells them. */
  readonly targetProperties: readonly object[];
}

const MAX_TARGETS = 5;

const Target = z.strictObject({
  Id: z.string().check(z.minLength(1), z.maxLength(64)),
  Arn: z.string().check(z.minLength(1), z.maxLength(1600)),
  Input: z.optional(z.string()),
  InputPath: z.optional(z.string()),
  InputTransformer: z.optional(
    z.strictObject({
      InputPathsMap: z.optional(z.record(z.string(), z.string())),
      InputTemplate: z.string().check(z.minLength(1), z.maxLength(8192)),
    }),
  ),
  DeadLetterConfig: z.optional(z.strictObject({ Arn: z.string() })),
  // Taken and told, not acted on: delivery to a local queue succeeds at once, or fails for good.
  RetryPolicy: z.optional(
    z.strictObject({
      MaximumRetryAttempts: z.optional(z.number()),
      MaximumEventAgeInSeconds: z.optional(z.number()),
    }),
  ),
});

/** Properties of AWS::Events::Rule that the local run knows. A schedule is taken and told; its time never comes by itself. */
export const RuleProperties = z.strictObject({
  Name: z.string().check(z.regex(/^[.\-_A-Za-z0-9]{1,64}$/)),
  Description: z.optional(z.string().check(z.maxLength(512))),
  EventBusName: z.optional(z.enum(["default"])),
  EventPattern: z.optional(z.record(z.string(), z.unknown())),
  ScheduleExpression: z.optional(z.string().check(z.regex(/^(?:rate|cron)\(.+\)$/))),
  State: z.optional(z.enum(["ENABLED", "DISABLED"])),
  Targets: z.optional(
    z.array(Target).check(z.maxLength(MAX_TARGETS, "EventBridge takes five targets on a rule")),
  ),
});

/**
 * Reads the properties of an AWS::Events::Rule, intrinsics resolved.
 *
 * @throws ConfigError where a property is unknown or wrong
 * @throws AwsError InvalidEventPatternException, ValidationException for a pattern or an input that AWS would refuse
 */
export function compileRule(place: AwsPlace, properties: unknown): CompiledRule {
  const rule = parseProperties("AWS::Events::Rule", RuleProperties, properties);
  const { Name: name, Description, EventPattern: pattern, ScheduleExpression, State, Targets = [] } = rule;
  if (!pattern && !ScheduleExpression) {
    throw new AwsError(
      "ValidationException",
      "Parameter(s) EventPattern or ScheduleExpression must be specified.",
    );
  }
  const arn = ruleArn(place, name);
  const inputs = new Map<EventTarget, EventInput>();
  for (const { Id: id, Arn: arn, DeadLetterConfig, Input, InputPath, InputTransformer } of Targets) {
    const target = { id, arn, ...(DeadLetterConfig && { deadLetterArn: DeadLetterConfig.Arn }) };
    inputs.set(target, compileEventInput({ Input, InputPath, InputTransformer }));
  }
  return {
    name,
    arn,
    enabled: State !== "DISABLED",
    ...(Description !== undefined && { description: Description }),
    ...(pattern && { eventPattern: JSON.stringify(pattern) }),
    ...(ScheduleExpression && { scheduleExpression: ScheduleExpression }),
    targets: [...inputs.keys()],
    matches: anyOf([
      ...(pattern ? [compileEventPattern(pattern)] : []),
      ...(ScheduleExpression ? [isTimeOf(arn)] : []),
    ]),
    inputs,
    targetProperties: Targets,
  };
}

const anyOf =
  (patterns: readonly EventPattern[]): EventPattern =>
  (event) =>
    patterns.some((matches) => matches(event));

/** A scheduled event goes to the rule that it names, and to no other. */
const isTimeOf = (arn: string) =>
  compileEventPattern({ source: [SCHEDULER], "detail-type": [SCHEDULED_EVENT], resources: [arn] });

export function ruleArn({ region, accountId }: AwsPlace, name: string): string {
  return `arn:aws:events:${region}:${accountId}:rule/${name}`;
}
