import { createHash } from "node:crypto";
import type { AwsPlace } from "../aws/service.ts";

/** What is known of a resource when its attributes are asked for. */
export interface ResourceFacts {
  readonly place: AwsPlace;
  readonly stackName: string;
  readonly logicalId: string;
  /** The physical name: given, or derived where CloudFormation would make one up. */
  readonly name: string;
  /** A property, resolved; undefined where the template lacks it. */
  readonly property: (name: string) => unknown;
  readonly queueUrl: (queueName: string) => string;
}

interface ResourceKind {
  /** The property that names the resource. It must be given: these are the resources that we name ourselves. */
  readonly nameProperty?: string;
  readonly ref: (facts: ResourceFacts) => string;
  readonly attributes: Readonly<Record<string, (facts: ResourceFacts) => string>>;
}

const arn = ({ place: { region, accountId } }: ResourceFacts, service: string, rest: string) =>
  `arn:aws:${service}:${region}:${accountId}:${rest}`;
const byName = ({ name }: ResourceFacts) => name;
const functionName = (facts: ResourceFacts) => String(facts.property("FunctionName")).split(":").at(-1);
const eventRule = (facts: ResourceFacts) => {
  const bus = facts.property("EventBusName");
  return arn(
    facts,
    "events",
    bus === undefined || bus === "default" ? `rule/${facts.name}` : `rule/${bus}/${facts.name}`,
  );
};
const managedPolicyArn = ({ place, name, property }: ResourceFacts) =>
  `arn:aws:iam::${place.accountId}:policy${property("Path") ?? "/"}${name}`;
const mappingId = ({ stackName, logicalId }: ResourceFacts) =>
  createHash("sha256")
    .update(`${stackName}/${logicalId}`)
    .digest("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");

/** What `Ref` and `Fn::GetAtt` give, by type: the "Return values" of each type's page in the CloudFormation reference. */
export const RESOURCE_KINDS: Readonly<Record<string, ResourceKind>> = {
  "AWS::SQS::Queue": {
    nameProperty: "QueueName",
    ref: (facts) => facts.queueUrl(facts.name),
    attributes: {
      Arn: (facts) => arn(facts, "sqs", facts.name),
      QueueName: byName,
      QueueUrl: (facts) => facts.queueUrl(facts.name),
    },
  },
  "AWS::SQS::QueuePolicy": { ref: byName, attributes: { Id: byName } },
  "AWS::DynamoDB::Table": {
    nameProperty: "TableName",
    ref: byName,
    attributes: { Arn: (facts) => arn(facts, "dynamodb", `table/${facts.name}`) },
  },
  "AWS::Events::Rule": { nameProperty: "Name", ref: byName, attributes: { Arn: eventRule } },
  "AWS::Lambda::Function": {
    nameProperty: "FunctionName",
    ref: byName,
    attributes: { Arn: (facts) => arn(facts, "lambda", `function:${facts.name}`) },
  },
  "AWS::Lambda::Version": {
    ref: (facts) => arn(facts, "lambda", `function:${functionName(facts)}:1`),
    attributes: {
      Version: () => "1",
      FunctionArn: (facts) => arn(facts, "lambda", `function:${functionName(facts)}:1`),
    },
  },
  "AWS::Lambda::Permission": { ref: byName, attributes: { Id: byName } },
  "AWS::Lambda::EventSourceMapping": {
    ref: mappingId,
    attributes: {
      Id: mappingId,
      EventSourceMappingArn: (facts) => arn(facts, "lambda", `event-source-mapping:${mappingId(facts)}`),
    },
  },
  "AWS::IoT::TopicRule": {
    nameProperty: "RuleName",
    ref: byName,
    attributes: { Arn: (facts) => arn(facts, "iot", `rule/${facts.name}`) },
  },
  "AWS::CloudWatch::Alarm": {
    nameProperty: "AlarmName",
    ref: byName,
    attributes: { Arn: (facts) => arn(facts, "cloudwatch", `alarm:${facts.name}`) },
  },
  "AWS::Logs::LogGroup": {
    nameProperty: "LogGroupName",
    ref: byName,
    attributes: { Arn: (facts) => arn(facts, "logs", `log-group:${facts.name}:*`) },
  },
  "AWS::IAM::Role": {
    nameProperty: "RoleName",
    ref: byName,
    attributes: {
      Arn: ({ place, name, property }) =>
        `arn:aws:iam::${place.accountId}:role${property("Path") ?? "/"}${name}`,
      RoleId: ({ stackName, logicalId }) =>
        `AROA${createHash("sha256").update(`${stackName}/${logicalId}`).digest("hex").slice(0, 17).toUpperCase()}`,
    },
  },
  "AWS::IAM::ManagedPolicy": {
    nameProperty: "ManagedPolicyName",
    ref: managedPolicyArn,
    attributes: { PolicyArn: managedPolicyArn },
  },
  "AWS::SNS::Topic": {
    nameProperty: "TopicName",
    ref: (facts) => arn(facts, "sns", facts.name),
    attributes: { TopicArn: (facts) => arn(facts, "sns", facts.name), TopicName: byName },
  },
  "AWS::S3::Bucket": {
    ref: ({ name }) => name.toLowerCase(),
    attributes: {
      Arn: ({ name }) => `arn:aws:s3:::${name.toLowerCase()}`,
      DomainName: ({ name }) => `${name.toLowerCase()}.s3.amazonaws.com`,
    },
  },
  "AWS::S3::BucketPolicy": { ref: byName, attributes: { Id: byName } },
};
