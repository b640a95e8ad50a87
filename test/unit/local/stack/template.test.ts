// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are CloudFormation's placeholders
import fc from "fast-check";
import { expect, test } from "vitest";
import { type LoadTemplateOptions, loadTemplate } from "../../../../local/stack/template.ts";

const options: LoadTemplateOptions = {
  place: { accountId: "000000000000", region: "us-east-1" },
  stackName: "demo",
  queueUrl: (name) => `http://127.0.0.1:4566/000000000000/${name}`,
};
const queue = (name: unknown = "orders") => ({ Type: "AWS::SQS::Queue", Properties: { QueueName: name } });

/** Resolves one value in a stack with a queue, a role, a parameter and conditions. */
function resolve(value: unknown, rest: object = {}, given: Partial<LoadTemplateOptions> = {}): unknown {
  const template = {
    Parameters: {
      Stage: { Type: "String", Default: "dev" },
      Zones: { Type: "CommaDelimitedList", Default: "a, b" },
    },
    Conditions: {
      IsDev: { "Fn::Equals": [{ Ref: "Stage" }, "dev"] },
      IsProd: { "Fn::Not": [{ Condition: "IsDev" }] },
    },
    Resources: {
      Queue: queue(),
      Role: { Type: "AWS::IAM::Role", Properties: { RoleName: "worker", Path: "/app/" } },
      Absent: { ...queue("absent"), Condition: "IsProd" },
      Subject: { Type: "Some::Type", Properties: { Value: value } },
    },
    ...rest,
  };
  const { resources } = loadTemplate(template, { ...options, ...given });
  return resources.find(({ logicalId }) => logicalId === "Subject")?.properties.Value;
}

const queueArn = "arn:aws:sqs:us-east-1:000000000000:orders";
const queueUrl = "http://127.0.0.1:4566/000000000000/orders";

test.for<[string, unknown, unknown]>([
  ["Ref of a parameter", { Ref: "Stage" }, "dev"],
  ["Ref of a list parameter", { Ref: "Zones" }, ["a", "b"]],
  ["Ref of a pseudo parameter", { Ref: "AWS::Region" }, "us-east-1"],
  ["Ref of a queue is its URL", { Ref: "Queue" }, queueUrl],
  ["Ref of a role is its name", { Ref: "Role" }, "worker"],
  ["GetAtt as a list", { "Fn::GetAtt": ["Queue", "Arn"] }, queueArn],
  ["GetAtt as a text", { "Fn::GetAtt": "Queue.QueueName" }, "orders"],
  [
    "GetAtt of a role with a path",
    { "Fn::GetAtt": ["Role", "Arn"] },
    "arn:aws:iam::000000000000:role/app/worker",
  ],
  [
    "Sub of all kinds of names",
    { "Fn::Sub": "${Stage}/${AWS::AccountId}/${Queue.Arn}" },
    `dev/000000000000/${queueArn}`,
  ],
  ["Sub with a literal", { "Fn::Sub": "${!aws:username}-${Stage}" }, "${aws:username}-dev"],
  ["Sub with its own names", { "Fn::Sub": ["${Who}-${Stage}", { Who: { Ref: "Role" } }] }, "worker-dev"],
  ["Join", { "Fn::Join": [":", ["a", { Ref: "Stage" }, 1]] }, "a:dev:1"],
  ["Join of a list from elsewhere", { "Fn::Join": ["+", { Ref: "Zones" }] }, "a+b"],
  ["Split", { "Fn::Split": [":", { "Fn::GetAtt": ["Queue", "Arn"] }] }, queueArn.split(":")],
  ["Select", { "Fn::Select": ["5", { "Fn::Split": [":", { "Fn::GetAtt": ["Queue", "Arn"] }] }] }, "orders"],
  ["If that is true", { "Fn::If": ["IsDev", "yes", "no"] }, "yes"],
  ["If that is false, without a look at the other", { "Fn::If": ["IsProd", { Ref: "Nobody" }, "no"] }, "no"],
  ["NoValue in a list", ["a", { Ref: "AWS::NoValue" }, "b"], ["a", "b"]],
  ["NoValue in an object", { a: 1, b: { "Fn::If": ["IsProd", 2, { Ref: "AWS::NoValue" }] } }, { a: 1 }],
  [
    "a policy: Condition and Version are data, a variable in a text stays",
    {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Resource: { "Fn::Sub": "arn:aws:iot:*:*:client/${!iot:ClientId}" },
          Condition: { ArnEquals: { "aws:SourceArn": { "Fn::GetAtt": ["Queue", "Arn"] } } },
        },
        { Condition: "${aws:username}" },
      ],
    },
    {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Resource: "arn:aws:iot:*:*:client/${iot:ClientId}",
          Condition: { ArnEquals: { "aws:SourceArn": queueArn } },
        },
        { Condition: "${aws:username}" },
      ],
    },
  ],
])("resolves %s", ([, value, expected]) => {
  expect(resolve(value)).toEqual(expected);
});

test.for<[string, unknown, RegExp]>([
  [
    "a name that stands for nothing",
    { Ref: "Nobody" },
    /^Resources\.Subject\.Properties\.Value\.Ref: there is no resource or parameter Nobody$/,
  ],
  [
    "such a name inside Sub",
    { "Fn::Sub": "a-${Nobody}" },
    /Fn::Sub: there is no resource or parameter Nobody/,
  ],
  [
    "an attribute that the type lacks",
    { "Fn::GetAtt": ["Queue", "Url"] },
    /Queue \(AWS::SQS::Queue\) has no attribute Url here/,
  ],
  [
    "a resource whose condition is false",
    { Ref: "Absent" },
    /Absent is not created, since its condition IsProd is false/,
  ],
  ["Ref of a resource of an unknown type", { Ref: "Subject" }, /does not know Some::Type/],
  [
    "an unknown function",
    { "Fn::FindInMap": ["a", "b", "c"] },
    /^Resources\.Subject\.Properties\.Value: the local run does not support Fn::FindInMap/,
  ],
  ["an import", { "Fn::ImportValue": "x" }, /no other stacks to import from/],
  ["a function beside other keys", { Ref: "Queue", Other: 1 }, /Ref must stand alone/],
  ["an unknown condition", { "Fn::If": ["IsNothing", 1, 2] }, /there is no condition IsNothing/],
  ["an index beyond the list", { "Fn::Select": [2, { Ref: "Zones" }] }, /no item 2 among 2/],
  ["a list inside Sub", { "Fn::Sub": "${Zones}" }, /takes texts, not \["a","b"\]/],
  ["Join without a list", { "Fn::Join": ["", "abc"] }, /Fn::Join\[1\]: must be a list/],
  [
    "a deep place, by its path",
    { a: [{ b: { Ref: "Nobody" } }] },
    /^Resources\.Subject\.Properties\.Value\.a\[0\]\.b\.Ref:/,
  ],
])("refuses %s", ([, value, message]) => {
  expect(() => resolve(value)).toThrow(message);
});

test.for<[string, unknown, boolean]>([
  ["Equals compares as texts", { "Fn::Equals": [1, "1"] }, true],
  ["And", { "Fn::And": [{ Condition: "IsDev" }, { "Fn::Equals": ["a", "b"] }] }, false],
  ["Or", { "Fn::Or": [{ Condition: "IsDev" }, { "Fn::Equals": ["a", "b"] }] }, true],
  ["Not", { "Fn::Not": [{ Condition: "IsDev" }] }, false],
])("evaluates %s", ([, condition, expected]) => {
  const Conditions = {
    IsDev: { "Fn::Equals": [{ Ref: "Stage" }, "dev"] },
    IsProd: { "Fn::Equals": ["a", "b"] },
    Is: condition,
  };
  expect(resolve({ "Fn::If": ["Is", true, false] }, { Conditions })).toBe(expected);
});

test.for<[string, object, RegExp]>([
  [
    "a condition on itself",
    { Is: { Condition: "Is" } },
    /circular reference: .*Conditions\.Is → Conditions\.Is/,
  ],
  [
    "a condition on a resource",
    { Is: { "Fn::Equals": [{ Ref: "Queue" }, "x"] } },
    /Queue is not a parameter/,
  ],
  ["what is no condition function", { Is: { Ref: "Stage" } }, /Ref is not a condition function/],
])("refuses %s", ([, Conditions, message]) => {
  const all = { IsProd: { "Fn::Equals": ["a", "b"] }, ...Conditions };
  expect(() => resolve({ "Fn::If": ["Is", 1, 2] }, { Conditions: all })).toThrow(message);
});

test("takes parameters, and refuses those that are unknown, missing or not allowed", () => {
  expect(resolve({ Ref: "Stage" }, {}, { parameters: { Stage: "prod" } })).toBe("prod");
  expect(() => resolve(1, {}, { parameters: { Stagge: "prod" } })).toThrow(/no parameter Stagge/);
  expect(() => resolve(1, { Parameters: { Stage: { Type: "String" } }, Conditions: {} })).toThrow(
    /Parameters\.Stage: has no default/,
  );
  const Parameters = { Stage: { Type: "String", Default: "x", AllowedValues: ["dev"] } };
  expect(() => resolve(1, { Parameters })).toThrow(/x is none of dev/);
});

test.for<[string, object, RegExp]>([
  [
    "names in a ring",
    { A: queue({ "Fn::GetAtt": ["B", "QueueName"] }), B: queue({ "Fn::GetAtt": ["A", "QueueName"] }) },
    /circular reference/,
  ],
  [
    "resources in a ring, though their names are known",
    {
      A: { Type: "AWS::SQS::Queue", Properties: { QueueName: "a", Tags: [{ "Fn::GetAtt": ["B", "Arn"] }] } },
      B: { Type: "AWS::SQS::Queue", Properties: { QueueName: "b" }, DependsOn: "A" },
    },
    /circular dependency between resources: A → B → A/,
  ],
  [
    "a dependency on nothing",
    { A: { ...queue(), DependsOn: ["Nobody"] } },
    /A\.DependsOn: there is no resource Nobody/,
  ],
  [
    "a resource without the name that it must have",
    { A: { Type: "AWS::SQS::Queue" } },
    /Resources\.A: AWS::SQS::Queue needs a QueueName/,
  ],
  ["an unknown part of a resource", { A: { ...queue(), UpdatePolicy: {} } }, /does not support UpdatePolicy/],
])("refuses %s", ([, Resources, message]) => {
  expect(() => loadTemplate({ Resources }, options)).toThrow(message);
});

test("gives names, references and attributes; derives what CloudFormation would make up; leaves out what is not created", () => {
  const { resources, outputs } = loadTemplate(
    {
      Conditions: { Never: { "Fn::Equals": ["a", "b"] } },
      Resources: {
        Queue: queue(),
        Bucket: { Type: "AWS::S3::Bucket" },
        Rule: { Type: "AWS::Events::Rule", Properties: { Name: "rotations" } },
        Other: { ...queue("other"), Condition: "Never" },
      },
      Outputs: { Url: { Value: { Ref: "Queue" } }, Never: { Value: { Ref: "Other" }, Condition: "Never" } },
    },
    options,
  );
  expect(
    resources.map(({ logicalId, name, ref, attributes }) => ({ logicalId, name, ref, arn: attributes.Arn })),
  ).toEqual([
    { logicalId: "Queue", name: "orders", ref: queueUrl, arn: queueArn },
    {
      logicalId: "Bucket",
      name: "demo-Bucket-local",
      ref: "demo-bucket-local",
      arn: "arn:aws:s3:::demo-bucket-local",
    },
    {
      logicalId: "Rule",
      name: "rotations",
      ref: "rotations",
      arn: "arn:aws:events:us-east-1:000000000000:rule/rotations",
    },
  ]);
  expect(outputs).toEqual({ Url: queueUrl });
});

test("changes nothing in a template without intrinsic functions", () => {
  const key = fc
    .string()
    .filter((name) => name !== "Ref" && !name.startsWith("Fn::") && name !== "__proto__");
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("tree"), { maxLength: 4 }),
      fc.dictionary(key, tie("tree"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const plain = JSON.parse(JSON.stringify(value));
      expect(resolve(plain)).toEqual(plain);
    }),
  );
});
