import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { packageStack } from "../../../local/package-stack.ts";
import { domainEventDetails } from "../../../shared/contract/domain-event.ts";
import { RECONCILE_CONTINUED } from "../../../shared/contract/reconcile-continued.ts";
import { CREDENTIAL_ROTATED } from "../../../shared/contract/sources/credential-rotated.ts";
import { packagedStack } from "./local-run.ts";
import { fullyPermitted, rolesOf, type Statement, stackOf } from "./role-statements.ts";

const place = { accountId: "000000000000", region: "us-east-1" };
const stack = stackOf(fullyPermitted().template, place);
const roles = rolesOf(stack);

const statementsOf = (document: Readonly<Record<string, unknown>>) =>
  [document.Statement].flat() as readonly Readonly<Record<string, unknown>>[];

test.each(
  stack.queuePolicies.map(({ logicalId, properties }) => [logicalId, properties.PolicyDocument] as const),
)("%s lets in EventBridge alone, for rules of this stage and this account", (_, document) => {
  const ruleArns = stack.rules.map(({ arn }) => arn);
  for (const { Effect, Principal, Action, Condition } of statementsOf(document)) {
    const conditions = Condition as Readonly<Record<string, Readonly<Record<string, string[]>>>>;
    expect({ Effect, Principal, Action }).toEqual({
      Effect: "Allow",
      Principal: { Service: "events.amazonaws.com" },
      Action: "sqs:SendMessage",
    });
    expect(conditions.StringEquals).toEqual({ "aws:SourceAccount": place.accountId });
    const sources = conditions.ArnEquals?.["aws:SourceArn"] ?? [];
    expect(sources.length).toBeGreaterThan(0);
    expect(sources.filter((arn) => !ruleArns.includes(arn))).toEqual([]);
  }
});

test("the reports queue has no policy: nobody but the role of the IoT rule can write to it", () => {
  const reports = stack.queues.filter(({ name }) => name.includes("reports")).map(({ ref }) => ref);
  expect(reports).toHaveLength(2);
  expect(stack.queuePolicies.flatMap(({ properties }) => properties.Queues)).not.toContain(reports[0]);
  expect(stack.queuePolicies.flatMap(({ properties }) => properties.Queues)).not.toContain(reports[1]);
});

test.each([
  ["reads values of secrets", "secretsmanager:GetSecretValue", ["verify"]],
  ["moves labels of versions", "secretsmanager:UpdateSecretVersionStage", ["verify"]],
  ["decrypts", "kms:Decrypt", ["verify"]],
  ["deploys services", "ecs:UpdateService", ["redeploy"]],
  ["sends notices", "iot:Publish", ["notify"]],
  ["writes values of secrets", "secretsmanager:PutSecretValue", []],
  ["rotates", "secretsmanager:RotateSecret", []],
  ["reads values of parameters", "ssm:GetParameter", []],
])("of all roles, who %s by %s is %j", (_what, action, expected) => {
  const able = [...roles].flatMap(([name, { statements }]) =>
    statements.some(({ Action }) => Action.includes(action)) ? [name] : [],
  );
  expect(able).toEqual(expected);
});

test("each kind of event is sent by one function alone, as this stage: none can forge another's", () => {
  const sending = [...roles].flatMap(([name, { statements }]) =>
    statements
      .filter(({ Action }) => Action.includes("events:PutEvents"))
      .map(({ Condition }) => ({ name, given: Condition as { StringEquals: Record<string, string[]> } })),
  );
  const kinds = sending.flatMap(({ given }) => {
    expect(Object.keys(given)).toEqual(["StringEquals"]);
    expect(given.StringEquals["events:source"]).toBe("keyturn.test");
    return given.StringEquals["events:detail-type"] ?? [];
  });
  const all = [...Object.keys(domainEventDetails), CREDENTIAL_ROTATED, RECONCILE_CONTINUED];
  expect(kinds.toSorted()).toEqual(all.toSorted());
  const verdicts = sending.find(({ given }) =>
    given.StringEquals["events:detail-type"]?.includes("CredentialVerified"),
  );
  expect(verdicts?.name).toBe("verify");
});

/** What AWS lets nobody limit to a resource, and the two that are limited to clusters by a condition instead. */
const WITHOUT_RESOURCE = [
  "ecs:DescribeTaskDefinition",
  "ecs:ListServices",
  "ecs:ListTasks",
  "secretsmanager:ListSecrets",
  "ssm:DescribeParameters",
];

test("no role has a wildcard for an action, nor all resources where the action knows any", () => {
  const statements = [...roles.values()].flatMap((role) => role.statements);
  for (const { Action } of statements) expect(Action.filter((action) => action.includes("*"))).toEqual([]);
  const anywhere = statements.filter(({ Resource }) => Resource === "*").flatMap(({ Action }) => Action);
  expect(anywhere.toSorted()).toEqual(WITHOUT_RESOURCE);
  const listing = statements.find(({ Action }) => Action.includes("ecs:ListServices"));
  expect(listing?.Condition).toEqual({
    ArnLike: { "ecs:cluster": ["arn:aws:ecs:us-east-1:000000000000:cluster/default"] },
  });
});

test("operators may do what docs/cli.md says that its commands need, and read no credential", () => {
  const page = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");
  const table = page.slice(page.indexOf("## What each command needs"), page.indexOf("## The local run"));
  const needed = [...table.matchAll(/`([a-z]+:[A-Z]\w+)`/g)].map(([, action = ""]) => action);
  const actionsOf = (policyName: string) =>
    stack.managedPolicies
      .filter(({ name }) => name.endsWith(policyName))
      .flatMap(({ properties }) => statementsOf(properties.PolicyDocument ?? {}))
      .flatMap(({ Action }) => [Action].flat());
  const writes = actionsOf("-rotate");
  expect(writes).toEqual([
    "secretsmanager:RotateSecret",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
  ]);
  const given = [...actionsOf("-operator"), ...writes];
  expect([...new Set(given)].toSorted()).toEqual([...new Set(needed)].toSorted());
  expect(given).not.toContain("secretsmanager:GetSecretValue");
});

describe("with a customer key and watched prefixes", () => {
  const key = "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d";
  let template: { readonly Resources: Record<string, { Type: string; Properties: Record<string, unknown> }> };
  beforeAll(async () => {
    const settings = { kmsKeyArn: key, watchedPrefixes: "prod/", alarmEmail: "ops@example.com" };
    const packaged = await packageStack(packagedStack().stage, place.region, settings);
    template = packaged.template as typeof template;
    await packaged.remove();
  });
  const ofType = (type: string) => Object.values(template.Resources).filter(({ Type }) => Type === type);
  const statements = (): (readonly [string, readonly Statement[]])[] =>
    [...rolesOf(stackOf(template, place))].map(([name, role]) => [name, role.statements]);

  test("queues, ledger, logs and the alarms' topic are encrypted with it", () => {
    for (const type of ["AWS::SQS::Queue", "AWS::SNS::Topic"])
      for (const { Properties } of ofType(type)) expect(Properties.KmsMasterKeyId).toBe(key);
    for (const { Properties } of ofType("AWS::Logs::LogGroup")) expect(Properties.KmsKeyId).toBe(key);
    expect(ofType("AWS::Logs::LogGroup")).toHaveLength(stack.functions.length);
    expect(ofType("AWS::DynamoDB::Table")[0]?.Properties.SSESpecification).toEqual({
      SSEEnabled: true,
      SSEType: "KMS",
      KMSMasterKeyId: key,
    });
  });

  test("every role may use that key, through SQS and DynamoDB alone; without the setting none may", () => {
    const usesKey = ({ Resource }: Statement) => Resource === key;
    for (const [name, own] of statements()) {
      const [use, ...more] = own.filter(usesKey);
      expect(more, name).toEqual([]);
      expect(JSON.stringify(use?.Condition), name).toMatch(/^\{"StringEquals":\{"kms:ViaService":\["sqs\./);
    }
    expect([...roles.values()].flatMap((role) => role.statements).filter(usesKey)).toEqual([]);
  });

  test("values are read, and labels moved, of watched secrets alone", () => {
    const verify = statements().find(([name]) => name === "verify")?.[1] ?? [];
    expect(verify.find(({ Action }) => Action.includes("secretsmanager:GetSecretValue"))?.Resource).toEqual([
      "arn:aws:secretsmanager:us-east-1:000000000000:secret:prod/*",
    ]);
  });

  test("the alarms' topic takes messages of CloudWatch alone, for alarms of this stage and this account", () => {
    const [policy] = ofType("AWS::SNS::TopicPolicy");
    const [statement, ...more] = statementsOf(
      policy?.Properties.PolicyDocument as Readonly<Record<string, unknown>>,
    );
    expect(more).toEqual([]);
    expect(statement).toMatchObject({
      Principal: { Service: "cloudwatch.amazonaws.com" },
      Action: "sns:Publish",
      Condition: {
        ArnLike: { "aws:SourceArn": { "Fn::Sub": expect.stringMatching(/:alarm:keyturn-test-\*$/) } },
        StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } },
      },
    });
  });
});
