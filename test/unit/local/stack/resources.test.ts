import { expect, test } from "vitest";
import { readStack } from "../../../../local/stack/resources.ts";
import type { LoadedResource } from "../../../../local/stack/template.ts";

const resource = (type: string, properties: Record<string, unknown>): LoadedResource => ({
  logicalId: "Subject",
  type,
  name: "subject",
  ref: "ref",
  attributes: { Arn: "arn" },
  properties,
});
const lambda = {
  FunctionName: "subject",
  Handler: "functions/notify/handler.handler",
  Runtime: "nodejs24.x",
  Role: "arn:aws:iam::000000000000:role/notify",
  Code: { S3Bucket: "bucket", S3Key: "path/notify.zip" },
};
const role = { RoleName: "subject", AssumeRolePolicyDocument: { Version: "2012-10-17", Statement: [] } };

test("sorts resources by type, with numbers as numbers, and passes over what has no effect here", () => {
  const stack = readStack([
    resource("AWS::SQS::Queue", {
      QueueName: "subject",
      VisibilityTimeout: "60",
      RedrivePolicy: { deadLetterTargetArn: "arn:dead", maxReceiveCount: 3 },
    }),
    resource("AWS::Lambda::Function", { ...lambda, Environment: { Variables: { DEADLINE: 5 } } }),
    resource("AWS::IAM::Role", role),
    resource("AWS::Logs::LogGroup", { LogGroupName: "x", RetentionInDays: 14 }),
  ]);
  expect(stack.queues).toEqual([
    {
      logicalId: "Subject",
      name: "subject",
      ref: "ref",
      arn: "arn",
      properties: {
        QueueName: "subject",
        VisibilityTimeout: 60,
        RedrivePolicy: { deadLetterTargetArn: "arn:dead", maxReceiveCount: 3 },
      },
    },
  ]);
  expect(stack.functions[0]?.properties.Environment?.Variables).toEqual({ DEADLINE: "5" });
  expect(stack.roles).toHaveLength(1);
  expect(stack.alarms).toEqual([]);
});

test.for<[string, string, Record<string, unknown>, RegExp]>([
  [
    "an unknown type",
    "AWS::Kinesis::Stream",
    {},
    /Subject: the local run does not know AWS::Kinesis::Stream/,
  ],
  [
    "an unknown property",
    "AWS::SQS::Queue",
    { QueueName: "q", FifoQueue: true },
    /Subject \(AWS::SQS::Queue\): the local run does not support FifoQueue/,
  ],
  [
    "an unknown property further in",
    "AWS::SQS::Queue",
    { QueueName: "q", RedrivePolicy: { deadLetterTargetArn: "a", maxReceiveCount: 1, other: 1 } },
    /does not support RedrivePolicy\.other/,
  ],
  [
    "a delay beyond SQS's longest",
    "AWS::SQS::Queue",
    { QueueName: "q", DelaySeconds: 901 },
    /DelaySeconds: .*900 seconds \(15 minutes\)/,
  ],
  ["another runtime", "AWS::Lambda::Function", { ...lambda, Runtime: "python3.13" }, /Runtime/],
  [
    "another event source",
    "AWS::Lambda::EventSourceMapping",
    { FunctionName: "f", EventSourceArn: "arn:aws:kinesis:x" },
    /maps SQS queues only/,
  ],
  [
    "six targets on a rule",
    "AWS::Events::Rule",
    { Name: "r", EventPattern: {}, Targets: Array(6).fill({ Arn: "a", Id: "i" }) },
    /five targets/,
  ],
  [
    "a managed policy that is not known",
    "AWS::IAM::Role",
    { ...role, ManagedPolicyArns: ["arn:aws:iam::aws:policy/AdministratorAccess"] },
    /ManagedPolicyArns\.0/,
  ],
])("refuses %s", ([, type, properties, message]) => {
  expect(() => readStack([resource(type, properties)])).toThrow(message);
});

test("names every problem at once", () => {
  const many = [
    resource("AWS::Kinesis::Stream", {}),
    resource("AWS::SQS::Queue", { QueueName: "q", DelaySeconds: -1 }),
  ];
  expect(() => readStack(many)).toThrow(/DelaySeconds.*AWS::Kinesis::Stream/);
});
