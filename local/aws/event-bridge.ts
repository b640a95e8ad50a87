import * as z from "zod/mini";
import { AwsError } from "./aws-error.ts";
import { parseInput, textOf } from "./aws-input.ts";
import type { AwsEvent } from "./events/aws-event.ts";
import { parseEventPattern } from "./events/event-pattern.ts";
import {
  type CompiledRule,
  compileRule,
  type EventRule,
  type EventTarget,
  ruleArn,
} from "./events/event-rule.ts";
import { defaultBusArn, isDefaultBus, readEntries } from "./events/put-events.ts";
import type { AccessRequest, AwsInput, AwsJsonService, AwsPlace } from "./service.ts";

/** One event on its way to one target of a rule. */
export interface EventDelivery {
  readonly rule: EventRule;
  readonly target: EventTarget;
  readonly event: AwsEvent;
  /** What the target gets: the event, or what the target's input settings make of it. */
  readonly body: string;
}

export interface EventBridgeDeps {
  readonly place: AwsPlace;
  readonly now: () => Date;
  /** Brings an event to a target. A failure is logged; what is to be retried or dead-lettered is decided in here. */
  readonly deliver: (delivery: EventDelivery) => Promise<void>;
  /** Hears every event on the bus, before any rule does. */
  readonly onEvent?: (event: AwsEvent) => void;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

export interface EventBridge {
  readonly service: AwsJsonService;
  /**
   * Creates or replaces a rule from the properties of an AWS::Events::Rule, intrinsics resolved.
   *
   * @throws ConfigError where a property is unknown or wrong
   * @throws AwsError InvalidEventPatternException, ValidationException for a pattern or an input that AWS would refuse
   */
  putRule(properties: unknown): EventRule;
  /** Sends an event of an AWS service. Resolves when every delivery has ended; never rejects. */
  send(event: AwsEvent): Promise<void>;
  rules(): readonly EventRule[];
}

const RuleInput = z.object({ Name: z.string().check(z.minLength(1)), EventBusName: z.optional(z.string()) });
const TargetsInput = z.object({
  Rule: z.string().check(z.minLength(1)),
  EventBusName: z.optional(z.string()),
});
const ListRulesInput = z.object({ NamePrefix: z.optional(z.string()), EventBusName: z.optional(z.string()) });
const TestInput = z.object({ Event: z.string(), EventPattern: z.string() });

/** EventBridge's default bus in memory. Rules come from a template, not from calls; schedules come when they are sent; there are no archives or other buses. */
export function createEventBridge({ place, now, deliver, onEvent, log }: EventBridgeDeps): EventBridge {
  const rules = new Map<string, CompiledRule>();

  const deliverTo = async (rule: CompiledRule, target: EventTarget, event: AwsEvent): Promise<void> => {
    const context = { ruleArn: rule.arn, ruleName: rule.name, ingestedAt: now() };
    try {
      const body = rule.inputs.get(target)?.(event, context) ?? JSON.stringify(event);
      await deliver({ rule, target, event, body });
    } catch (error) {
      log("Event was not delivered", { rule: rule.name, target: target.arn, eventId: event.id, error });
    }
  };

  const send = async (event: AwsEvent): Promise<void> => {
    onEvent?.(event);
    const matching = [...rules.values()].filter(({ enabled, matches }) => enabled && matches(event));
    await Promise.all(
      matching.flatMap((rule) => rule.targets.map((target) => deliverTo(rule, target, event))),
    );
  };

  const requireRule = (name: string, bus: string | undefined): CompiledRule => {
    checkBus(place, bus);
    const rule = rules.get(name);
    if (!rule) {
      throw new AwsError("ResourceNotFoundException", `Rule ${name} does not exist on EventBus default.`);
    }
    return rule;
  };

  const onRule =
    (action: string, nameOf: (input: AwsInput) => unknown) =>
    (input: AwsInput): readonly AccessRequest[] => [
      { action: `events:${action}`, resource: ruleArn(place, textOf(nameOf(input))) },
    ];
  const onAnything = (action: string) => (): readonly AccessRequest[] => [
    { action: `events:${action}`, resource: "*" },
  ];

  return {
    send,
    rules: () => [...rules.values()],

    putRule(properties) {
      const rule = compileRule(place, properties);
      rules.set(rule.name, rule);
      return rule;
    },

    service: {
      targetPrefix: "AWSEvents",
      jsonVersion: "1.1",
      operations: {
        PutEvents: {
          access: (input) => putEventsAccess(place, input),
          run(input) {
            const results = readEntries(place, input, now());
            // AWS answers when it has accepted the events, not when they have arrived.
            for (const result of results) if ("event" in result) void send(result.event);
            return {
              FailedEntryCount: results.filter((result) => "code" in result).length,
              Entries: results.map((result) =>
                "event" in result
                  ? { EventId: result.event.id }
                  : { ErrorCode: result.code, ErrorMessage: result.message },
              ),
            };
          },
        },
        ListRules: {
          access: onAnything("ListRules"),
          run(input) {
            const { NamePrefix: prefix = "", EventBusName: bus } = parseInput(ListRulesInput, input);
            checkBus(place, bus);
            const matching = [...rules.values()].filter(({ name }) => name.startsWith(prefix));
            return { Rules: matching.map(describeRule) };
          },
        },
        DescribeRule: {
          access: onRule("DescribeRule", ({ Name }) => Name),
          run(input) {
            const { Name, EventBusName } = parseInput(RuleInput, input);
            return describeRule(requireRule(Name, EventBusName));
          },
        },
        ListTargetsByRule: {
          access: onRule("ListTargetsByRule", ({ Rule }) => Rule),
          run(input) {
            const { Rule, EventBusName } = parseInput(TargetsInput, input);
            return { Targets: requireRule(Rule, EventBusName).targetProperties };
          },
        },
        TestEventPattern: {
          access: onAnything("TestEventPattern"),
          run(input) {
            const { Event, EventPattern } = parseInput(TestInput, input);
            return { Result: parseEventPattern(EventPattern)(parseTestEvent(Event)) };
          },
        },
      },
    },
  };
}

function describeRule(rule: CompiledRule): object {
  const { name, arn, eventPattern, scheduleExpression, enabled, description } = rule;
  return {
    Name: name,
    Arn: arn,
    EventPattern: eventPattern,
    ScheduleExpression: scheduleExpression,
    State: enabled ? "ENABLED" : "DISABLED",
    Description: description,
    EventBusName: "default",
  };
}

function checkBus(place: AwsPlace, bus: string | undefined): void {
  if (!isDefaultBus(place, bus)) {
    throw new AwsError("ResourceNotFoundException", `Event bus ${bus} does not exist.`);
  }
}

/** One request for each entry, so that a policy can decide by its source and type. */
function putEventsAccess(place: AwsPlace, { Entries: entries }: AwsInput): readonly AccessRequest[] {
  const request = { action: "events:PutEvents", resource: defaultBusArn(place) };
  if (!Array.isArray(entries) || entries.length === 0) return [request];
  return entries.map((entry: unknown) => {
    const { Source, DetailType } = (entry ?? {}) as Record<string, unknown>;
    return {
      ...request,
      context: { "events:source": textOf(Source), "events:detail-type": textOf(DetailType) },
    };
  });
}

const mandatoryFields = ["id", "account", "source", "time", "region", "resources", "detail-type"];

function parseTestEvent(text: string): object {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch {
    throw new AwsError("ValidationException", "Parameter Event is not valid JSON.");
  }
  const fields = typeof event === "object" && event !== null ? event : {};
  const missing = mandatoryFields.filter((field) => !Object.hasOwn(fields, field));
  if (missing.length > 0) {
    throw new AwsError(
      "ValidationException",
      `Parameter Event lacks mandatory fields: ${missing.join(", ")}.`,
    );
  }
  return fields;
}
