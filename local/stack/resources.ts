import type * as z from "zod/mini";
import { checkValue } from "../aws/check-value.ts";
import { RuleProperties } from "../aws/events/event-rule.ts";
import { AlarmProperties } from "../aws/metrics/alarm-properties.ts";
import { TopicRuleProperties } from "./iot-topic-rule.ts";
import {
  EventSourceMappingProperties,
  FunctionProperties,
  ManagedPolicyProperties,
  QueuePolicyProperties,
  QueueProperties,
  RoleProperties,
  TableProperties,
} from "./resource-properties.ts";
import type { LoadedResource } from "./template.ts";
import { TemplateError } from "./template-error.ts";

/** A resource with its properties checked. */
export interface StackResource<Properties> {
  /** For messages. */
  readonly logicalId: string;
  /** The physical name. */
  readonly name: string;
  /** What `Ref` gives; the URL of a queue. */
  readonly ref: string;
  /** Empty where the type has none. */
  readonly arn: string;
  readonly properties: Properties;
}

/** What the local run makes, by type. */
const SCHEMAS = {
  queues: ["AWS::SQS::Queue", QueueProperties],
  queuePolicies: ["AWS::SQS::QueuePolicy", QueuePolicyProperties],
  tables: ["AWS::DynamoDB::Table", TableProperties],
  rules: ["AWS::Events::Rule", RuleProperties],
  functions: ["AWS::Lambda::Function", FunctionProperties],
  mappings: ["AWS::Lambda::EventSourceMapping", EventSourceMappingProperties],
  topicRules: ["AWS::IoT::TopicRule", TopicRuleProperties],
  alarms: ["AWS::CloudWatch::Alarm", AlarmProperties],
  roles: ["AWS::IAM::Role", RoleProperties],
  managedPolicies: ["AWS::IAM::ManagedPolicy", ManagedPolicyProperties],
} as const;

/**
 * What the local run passes over on purpose: the bucket that a deployment uploads to, log groups (lines are shown as
 * they come), versions (`$LATEST` runs), permissions to invoke (queues are polled, nobody invokes), the dashboard, and who
 * is told of alarms (their changes are shown as they come).
 */
const PASSED_OVER: ReadonlySet<string> = new Set([
  "AWS::S3::Bucket",
  "AWS::S3::BucketPolicy",
  "AWS::Logs::LogGroup",
  "AWS::Lambda::Version",
  "AWS::Lambda::Permission",
  "AWS::CloudWatch::Dashboard",
  "AWS::SNS::Topic",
  "AWS::SNS::Subscription",
  "AWS::SNS::TopicPolicy",
]);

/** The resources of a stack that the local run makes. */
export type Stack = {
  readonly [Key in keyof typeof SCHEMAS]: readonly StackResource<z.output<(typeof SCHEMAS)[Key][1]>>[];
};

/**
 * Sorts a template's resources and checks their properties. A type or a property that the local run does not know is
 * refused: what is silently left out here would be a surprise on AWS.
 *
 * @throws TemplateError naming every resource and property that does not fit
 */
export function readStack(resources: readonly LoadedResource[]): Stack {
  const problems: string[] = [];

  function read<T extends z.ZodMiniType>([type, schema]: readonly [string, T]): StackResource<z.output<T>>[] {
    return resources
      .filter((resource) => resource.type === type)
      .flatMap(({ logicalId, name, ref, attributes, properties }) => {
        const checked = checkValue(schema, properties);
        if (checked.isValid)
          return [{ logicalId, name, ref, arn: attributes.Arn ?? "", properties: checked.value }];
        problems.push(...checked.problems.map((problem) => `${logicalId} (${type}): ${problem}`));
        return [];
      });
  }

  const stack: Stack = {
    queues: read(SCHEMAS.queues),
    queuePolicies: read(SCHEMAS.queuePolicies),
    tables: read(SCHEMAS.tables),
    rules: read(SCHEMAS.rules),
    functions: read(SCHEMAS.functions),
    mappings: read(SCHEMAS.mappings),
    topicRules: read(SCHEMAS.topicRules),
    alarms: read(SCHEMAS.alarms),
    roles: read(SCHEMAS.roles),
    managedPolicies: read(SCHEMAS.managedPolicies),
  };
  const known = new Set<string>(Object.values(SCHEMAS).map(([type]) => type));
  for (const { logicalId, type } of resources) {
    if (!known.has(type) && !PASSED_OVER.has(type))
      problems.push(`${logicalId}: the local run does not know ${type}`);
  }
  if (problems.length > 0) throw new TemplateError("Resources", problems.join("; "));
  return stack;
}
