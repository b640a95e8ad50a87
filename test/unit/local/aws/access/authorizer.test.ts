import { describe, expect, it } from "vitest";
import { matchesArnPattern } from "../../../../../local/aws/access/arn-pattern.ts";
import { createAuthorizer } from "../../../../../local/aws/access/authorizer.ts";
import type { AccessRequest } from "../../../../../local/aws/service.ts";

const roleArn = "arn:aws:iam::000000000000:role/keyturn-dev-notify";
const caller = { accessKeyId: "AKIANOTIFY", roleArn, name: "keyturn-dev-notify" };
const secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-AbCdEf";
const getValue: AccessRequest = { action: "secretsmanager:GetSecretValue", resource: secret };

async function check(statements: readonly unknown[], ...requests: readonly AccessRequest[]): Promise<void> {
  const authorizer = await createAuthorizer({ roles: { [roleArn]: statements } });
  authorizer.check(caller, requests);
}

const allow = (action: string | string[], resource: string | string[], condition?: object) => ({
  Effect: "Allow",
  Action: action,
  Resource: resource,
  ...(condition && { Condition: condition }),
});

describe("authorizer", () => {
  it("names caller, action and resource of a call that no policy allows", async () => {
    await expect(check([], getValue)).rejects.toMatchObject({
      code: "AccessDeniedException",
      message:
        "User: arn:aws:sts::000000000000:assumed-role/keyturn-dev-notify/keyturn-dev-notify is not authorized to perform: " +
        `secretsmanager:GetSecretValue on resource: ${secret} because no identity-based policy allows the secretsmanager:GetSecretValue action`,
    });
  });

  it("lets the operator do everything", async () => {
    const authorizer = await createAuthorizer();
    expect(() =>
      authorizer.check({ accessKeyId: "AKIAOPERATOR", name: "operator" }, [getValue]),
    ).not.toThrow();
  });

  it("denies a role that nobody loaded", async () => {
    const authorizer = await createAuthorizer();
    expect(() => authorizer.check(caller, [getValue])).toThrow("is not authorized");
  });

  it.each<[string, readonly unknown[]]>([
    ["the exact action and resource", [allow("secretsmanager:GetSecretValue", secret)]],
    ["an action in another case", [allow("secretsmanager:getsecretvalue", secret)]],
    ["a wildcard in the action", [allow("secretsmanager:Get*", secret)]],
    [
      "a wildcard in the resource",
      [allow("secretsmanager:GetSecretValue", secret.replace(/.{6}$/, "??????"))],
    ],
    ["every action", [allow("*", "*")]],
    [
      "one of several statements",
      [allow("secretsmanager:DescribeSecret", secret), allow("secretsmanager:GetSecretValue", "*")],
    ],
  ])("allows by %s", async (_, statements) => {
    await expect(check(statements, getValue)).resolves.toBeUndefined();
  });

  it.each<[string, readonly unknown[]]>([
    ["another action", [allow("secretsmanager:DescribeSecret", secret)]],
    ["another resource", [allow("secretsmanager:GetSecretValue", `${secret}x`)]],
    [
      "a resource in another region",
      [allow("secretsmanager:GetSecretValue", secret.replace("us-east-1", "eu-west-1"))],
    ],
    [
      "an explicit deny beside the allow",
      [allow("*", "*"), { ...allow("secretsmanager:*", secret), Effect: "Deny" }],
    ],
  ])("denies by %s", async (_, statements) => {
    await expect(check(statements, getValue)).rejects.toThrow(
      "is not authorized to perform: secretsmanager:GetSecretValue",
    );
  });

  it("does not let a wildcard of one ARN segment reach into the next", () => {
    expect(matchesArnPattern("arn:aws:secretsmanager:*:secret:orders/db-AbCdEf", secret)).toBe(false);
    expect(matchesArnPattern("arn:aws:secretsmanager:*:*:secret:orders/*", secret)).toBe(true);
  });

  it("needs every permission of a call", async () => {
    const topic = "arn:aws:iot:us-east-1:000000000000:topic/t";
    const requests = [
      { action: "iot:Publish", resource: topic },
      { action: "iot:RetainPublish", resource: topic },
    ];
    await expect(check([allow("iot:Publish", topic)], ...requests)).rejects.toThrow("iot:RetainPublish");
    await expect(
      check([allow(["iot:Publish", "iot:RetainPublish"], topic)], ...requests),
    ).resolves.toBeUndefined();
  });

  it("allows an action without resources by Resource * alone", async () => {
    const request = { action: "ecs:DescribeTaskDefinition", resource: "*" };
    const families = "arn:aws:ecs:us-east-1:000000000000:task-definition/*";
    await expect(check([allow("ecs:DescribeTaskDefinition", "*")], request)).resolves.toBeUndefined();
    await expect(check([allow("ecs:*", families)], request)).rejects.toThrow("on resource: *");
  });

  it.each<[string, object, boolean]>([
    ["StringEquals", { StringEquals: { "secretsmanager:VersionStage": "AWSCURRENT" } }, true],
    [
      "StringEquals of several values",
      { StringEquals: { "secretsmanager:VersionStage": ["x", "AWSCURRENT"] } },
      true,
    ],
    ["StringEquals that differs", { StringEquals: { "secretsmanager:VersionStage": "AWSPENDING" } }, false],
    ["StringLike", { StringLike: { "secretsmanager:VersionStage": "AWS*" } }, true],
    ["a key in another case", { StringEquals: { "SecretsManager:versionstage": "AWSCURRENT" } }, true],
    ["a key that the call lacks", { StringEquals: { "secretsmanager:VersionId": "x" } }, false],
    ["a key that may be absent", { StringEqualsIfExists: { "secretsmanager:VersionId": "x" } }, true],
    ["ArnLike", { ArnLike: { "aws:PrincipalArn": "arn:aws:iam::*:role/keyturn-*" } }, true],
    ["ArnEquals", { ArnEquals: { "aws:PrincipalArn": "arn:aws:iam::000000000000:role/other" } }, false],
    ["Bool", { Bool: { "aws:SecureTransport": true } }, true],
  ])("decides a condition by %s", async (_, condition, isAllowed) => {
    const request = { ...getValue, context: { "secretsmanager:VersionStage": "AWSCURRENT" } };
    const decision = check([allow("secretsmanager:GetSecretValue", secret, condition)], request);
    await (isAllowed
      ? expect(decision).resolves.toBeUndefined()
      : expect(decision).rejects.toThrow("not authorized"));
  });

  it.each<[string, unknown, string]>([
    [
      "a misspelt action",
      allow("secretsmanager:GetSecretValues", secret),
      'no IAM action matches "secretsmanager:GetSecretValues"',
    ],
    [
      "an unknown service",
      allow("secretmanager:GetSecretValue", secret),
      'no IAM action matches "secretmanager:GetSecretValue"',
    ],
    ["a pattern that matches nothing", allow("sqs:Fetch*", "*"), 'no IAM action matches "sqs:Fetch*"'],
    [
      "a resource of another kind",
      allow("secretsmanager:GetSecretValue", "arn:aws:sqs:us-east-1:000000000000:q"),
      "acts on a resource like",
    ],
    [
      "a resource for an action that has none",
      allow("ecs:DescribeTaskDefinition", "arn:aws:ecs:us-east-1:000000000000:cluster/c"),
      'its Resource must be "*"',
    ],
    ["NotAction", { Effect: "Allow", NotAction: "sqs:*", Resource: "*" }, "NotAction is not supported"],
    ["NotResource", { ...allow("sqs:SendMessage", "*"), NotResource: "*" }, "NotResource is not supported"],
    ["Principal", { ...allow("sqs:SendMessage", "*"), Principal: "*" }, "Principal is not supported"],
    [
      "an operator",
      allow("sqs:SendMessage", "*", { StringNotEquals: { "aws:PrincipalArn": "x" } }),
      "condition operator StringNotEquals is not supported",
    ],
    [
      "a set operator",
      allow("sqs:SendMessage", "*", { "ForAnyValue:StringEquals": { "aws:PrincipalArn": "x" } }),
      "ForAnyValue:StringEquals is not supported",
    ],
    [
      "an unknown condition key",
      allow("sqs:SendMessage", "*", { StringEquals: { "aws:NoSuchKey": "x" } }),
      'no IAM condition key is called "aws:NoSuchKey"',
    ],
    [
      "a condition key that calls do not carry",
      allow("sqs:SendMessage", "*", { StringEquals: { "aws:SourceIp": "127.0.0.1" } }),
      "aws:SourceIp is not filled in",
    ],
    [
      "a policy variable",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: IAM's own syntax
      allow("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:${aws:username}"),
      "policy variable",
    ],
    ["a resource that is no ARN", allow("sqs:SendMessage", "my-queue"), "is neither * nor an ARN"],
    [
      "a misspelt effect",
      { ...allow("sqs:SendMessage", "*"), Effect: "allow" },
      "Effect must be Allow or Deny",
    ],
    ["no action at all", { Effect: "Allow", Resource: "*" }, "Action must be a string"],
  ])("refuses to load %s", async (_, statement, problem) => {
    await expect(createAuthorizer({ roles: { [roleArn]: [statement] } })).rejects.toThrow(problem);
  });

  it("lists every problem of a role at once", async () => {
    const statements = [
      allow("sqs:Sendmesage", "*"),
      { Sid: "Second", Effect: "Allow", Action: "sqs:SendMessage" },
    ];
    await expect(createAuthorizer({ roles: { [roleArn]: statements } })).rejects.toMatchObject({
      problems: [
        `role ${roleArn}: statement Second: Resource must be a string or a list of strings`,
        `role ${roleArn}: statement 1: no IAM action matches "sqs:Sendmesage"`,
      ],
    });
  });

  it("takes a statement on several services, where each action fits one of the resources", async () => {
    const queue = "arn:aws:sqs:us-east-1:000000000000:q";
    const table = "arn:aws:dynamodb:us-east-1:000000000000:table/ledger/index/*";
    await expect(
      check([allow(["sqs:SendMessage", "dynamodb:Query"], [queue, table])]),
    ).resolves.toBeUndefined();
  });
});
