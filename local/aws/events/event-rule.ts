import * as z from "zod/mini";
import type { AwsPlace } from "../service.ts";
import { parseProperties } from "../template-properties.ts";
import { compileEventInput, type EventInput } from "./event-input.ts";
import { compileEventPattern, type EventPattern } from "./event-pattern.ts";

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
  /** JSON, as the API tells it. */
  readonly eventPattern: string;
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

/** Properties of AWS::Events::Rule that the local run knows; a schedule is not among them. */
export const RuleProperties = z.strictObject({
  Name: z.string().check(z.regex(/^[.\-_A-Za-z0-9]{1,64}$/)),
  Description: z.optional(z.string().check(z.maxLength(512))),
  EventBusName: z.optional(z.enum(["default"])),
  EventPattern: z.record(z.string(), z.unknown()),
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
  const { Name: name, Description, EventPattern: pattern, State, Targets = [] } = rule;
  const inputs = new Map<EventTarget, EventInput>();
  for (const { Id: id, Arn: arn, DeadLetterConfig, Input, InputPath, InputTransformer } of Targets) {
    const target = { id, arn, ...(DeadLetterConfig && { deadLetterArn: DeadLetterConfig.Arn }) };
    inputs.set(target, compileEventInput({ Input, InputPath, InputTransformer }));
  }
  return {
    name,
    arn: ruleArn(place, name),
    enabled: State !== "DISABLED",
    ...(Description !== undefined && { description: Description }),
    eventPattern: JSON.stringify(pattern),
    targets: [...inputs.keys()],
    matches: compileEventPattern(pattern),
    inputs,
    targetProperties: Targets,
  };
}

export function ruleArn({ region, accountId }: AwsPlace, name: string): string {
  return `arn:aws:events:${region}:${accountId}:rule/${name}`;
}
