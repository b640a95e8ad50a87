import { beforeEach, describe, expect, it } from "vitest";
import type { AwsEvent } from "../../../../local/aws/events/aws-event.ts";
import { createSecretsManager, type SecretsManager } from "../../../../local/aws/secrets-manager.ts";
import type { AwsInput } from "../../../../local/aws/service.ts";
import { parseRotationEvent } from "../../../../shared/contract/rotation-event.ts";

const place = { accountId: "000000000000", region: "us-east-1" };
const token = "11111111-1111-4111-8111-111111111111";
const token2 = "22222222-2222-4222-8222-222222222222";
const caller = { accessKeyId: "AKIAOPERATOR", name: "operator" };

let nowMs: number;
let events: AwsEvent[];
let secretsManager: SecretsManager;

beforeEach(() => {
  nowMs = Date.parse("2026-11-20T03:00:00.123Z");
  events = [];
  secretsManager = createSecretsManager({
    place,
    now: () => new Date(nowMs),
    emit: (event) => events.push(event),
  });
});

async function call(operation: string, input: AwsInput): Promise<Record<string, unknown>> {
  return { ...(await secretsManager.service.operations[operation]?.run(input, caller)) };
}

const create = (input: AwsInput = {}) =>
  call("CreateSecret", { Name: "orders/db", SecretString: "one", ClientRequestToken: token, ...input });

describe("Secrets Manager", () => {
  it("finds a secret by name, ARN and partial ARN", async () => {
    const { ARN } = await create();
    for (const SecretId of ["orders/db", ARN, String(ARN).slice(0, -7)]) {
      expect(await call("GetSecretValue", { SecretId })).toMatchObject({
        ARN,
        SecretString: "one",
        VersionId: token,
      });
    }
  });

  it("tells times as seconds with milliseconds", async () => {
    await create();
    nowMs += 500;
    await call("PutSecretValue", { SecretId: "orders/db", SecretString: "two", ClientRequestToken: token2 });
    expect(await call("DescribeSecret", { SecretId: "orders/db" })).toMatchObject({
      CreatedDate: 1795143600.123,
      LastChangedDate: 1795143600.623,
      VersionIdsToStages: { [token]: ["AWSPREVIOUS"], [token2]: ["AWSCURRENT"] },
    });
  });

  it("leaves versions without labels out of the description, and lists them on demand", async () => {
    await create();
    await call("PutSecretValue", { SecretId: "orders/db", SecretString: "two", ClientRequestToken: token2 });
    await call("UpdateSecretVersionStage", {
      SecretId: "orders/db",
      VersionStage: "AWSPREVIOUS",
      RemoveFromVersionId: token,
    });
    expect(await call("DescribeSecret", { SecretId: "orders/db" })).toMatchObject({
      VersionIdsToStages: { [token2]: ["AWSCURRENT"] },
    });
    expect((await call("ListSecretVersionIds", { SecretId: "orders/db" })).Versions).toHaveLength(1);
    const all = await call("ListSecretVersionIds", { SecretId: "orders/db", IncludeDeprecated: true });
    expect(all.Versions).toHaveLength(2);
  });

  it("emits the native event when AWSCURRENT moves, with the time in whole seconds", async () => {
    const { ARN } = await create();
    await call("PutSecretValue", {
      SecretId: "orders/db",
      SecretString: "two",
      ClientRequestToken: token2,
      VersionStages: ["AWSPENDING"],
    });
    events.length = 0;
    await call("UpdateSecretVersionStage", {
      SecretId: "orders/db",
      VersionStage: "AWSCURRENT",
      MoveToVersionId: token2,
      RemoveFromVersionId: token,
    });
    expect(events).toMatchObject([
      {
        "detail-type": "Secret Label Updated",
        time: "2026-11-20T03:00:00Z",
        resources: [ARN],
        detail: { name: "orders/db", labelUpdated: "AWSCURRENT", versionId: token2 },
      },
    ]);
  });

  it("lists secrets by the beginnings of their names, in whatever case, and of their tags", async () => {
    await create({ Tags: [{ Key: "team", Value: "orders" }] });
    await create({ Name: "billing/db", Tags: [{ Key: "team", Value: "billing" }] });
    const names = async (...filters: [Key: string, ...Values: string[]][]) => {
      const Filters = filters.map(([Key, ...Values]) => ({ Key, Values }));
      const { SecretList } = await call("ListSecrets", { Filters });
      return (SecretList as { Name: string }[]).map(({ Name }) => Name);
    };
    expect(await names(["name", "ORD", "bill"])).toEqual(["orders/db", "billing/db"]);
    expect(await names(["tag-key", "te"])).toEqual(["orders/db", "billing/db"]);
    expect(await names(["tag-key", "team"], ["tag-value", "billing"])).toEqual(["billing/db"]);
    expect(await names(["tag-value", "Billing"])).toEqual([]);
  });

  it("with a trail, tells of the calls that changed a secret, without its value", async () => {
    secretsManager = createSecretsManager({
      place,
      now: () => new Date(nowMs),
      emit: (event) => events.push(event),
      hasTrail: true,
    });
    await create();
    await call("PutSecretValue", {
      SecretId: "orders/db",
      SecretString: "EXAMPLE",
      ClientRequestToken: token2,
    });
    await call("UpdateSecretVersionStage", {
      SecretId: "orders/db",
      VersionStage: "AWSCURRENT",
      MoveToVersionId: token,
      RemoveFromVersionId: token2,
    });
    await call("UpdateSecret", { SecretId: "orders/db", Description: "no value" });
    const calls = events.filter((event) => event["detail-type"] === "AWS API Call via CloudTrail");
    expect(calls.map((event) => parseRotationEvent(event))).toMatchObject([
      { source: "put-secret-value", versionId: token2 },
      { source: "update-version-stage", versionId: token },
      { source: "update-secret", versionId: expect.any(String) },
    ]);
    expect(JSON.stringify(calls)).not.toContain("EXAMPLE");
  });

  it("repeats a creation with the same token and value, and refuses any other of the same name", async () => {
    const first = await create();
    expect(await create()).toEqual(first);
    expect(events).toHaveLength(1);
    await expect(create({ SecretString: "other" })).rejects.toMatchObject({
      code: "ResourceExistsException",
    });
    await expect(create({ ClientRequestToken: token2 })).rejects.toMatchObject({
      code: "ResourceExistsException",
      message: "The operation failed because the secret orders/db already exists.",
    });
  });

  it("has no current value where the secret was created without one", async () => {
    await call("CreateSecret", { Name: "empty" });
    await expect(call("GetSecretValue", { SecretId: "empty" })).rejects.toMatchObject({
      code: "ResourceNotFoundException",
      message: "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    });
  });

  it("leaves no secret behind when the value is refused", async () => {
    await expect(create({ SecretBinary: "AAAA" })).rejects.toMatchObject({
      code: "InvalidParameterException",
    });
    await expect(call("DescribeSecret", { SecretId: "orders/db" })).rejects.toMatchObject({
      code: "ResourceNotFoundException",
    });
  });

  it("refuses all use of a secret that waits for deletion, until it is restored", async () => {
    await create();
    await call("DeleteSecret", { SecretId: "orders/db", RecoveryWindowInDays: 7 });
    await expect(call("GetSecretValue", { SecretId: "orders/db" })).rejects.toMatchObject({
      code: "InvalidRequestException",
      message: "You can't perform this operation on the secret because it was marked for deletion.",
    });
    await expect(create()).rejects.toMatchObject({ code: "InvalidRequestException" });
    expect((await call("ListSecrets", {})).SecretList).toEqual([]);
    await call("RestoreSecret", { SecretId: "orders/db" });
    expect(await call("GetSecretValue", { SecretId: "orders/db" })).toMatchObject({ SecretString: "one" });
  });

  it("forgets a secret when its recovery window ends, or at once when forced", async () => {
    await create();
    await call("DeleteSecret", { SecretId: "orders/db", RecoveryWindowInDays: 7 });
    nowMs += 7 * 86_400_000;
    await create();
    await call("DeleteSecret", { SecretId: "orders/db", ForceDeleteWithoutRecovery: true });
    await expect(call("DescribeSecret", { SecretId: "orders/db" })).rejects.toMatchObject({
      code: "ResourceNotFoundException",
      message: "Secrets Manager can't find the specified secret.",
    });
  });

  it.each<[string, AwsInput, string, string]>([
    [
      "GetSecretValue",
      {},
      "ValidationException",
      "Value at 'secretId' failed to satisfy constraint: Member must not be null",
    ],
    ["GetSecretValue", { SecretId: 7 }, "SerializationException", "'secretId'"],
    [
      "PutSecretValue",
      { SecretId: "x", SecretString: "s", ClientRequestToken: "short" },
      "ValidationException",
      "length greater than or equal to 32",
    ],
    [
      "PutSecretValue",
      { SecretId: "orders/db" },
      "InvalidRequestException",
      "either SecretString or SecretBinary",
    ],
    ["CreateSecret", { Name: "white space" }, "ValidationException", "regular expression pattern"],
    [
      "DeleteSecret",
      { SecretId: "orders/db", RecoveryWindowInDays: 3 },
      "InvalidParameterException",
      "between 7 and 30 days",
    ],
    [
      "ListSecrets",
      { Filters: [{ Key: "description", Values: ["x"] }] },
      "ValidationException",
      "enum value set: [name, tag-key, tag-value]",
    ],
  ])("refuses %s with %j as AWS does", async (operation, input, code, message) => {
    await create();
    await expect(call(operation, input)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it("never repeats a value in an error", async () => {
    await expect(
      call("PutSecretValue", { SecretId: "x", SecretString: { password: "hunter2" } }),
    ).rejects.toThrow(expect.not.objectContaining({ message: expect.stringContaining("hunter2") }));
  });

  it("pages its lists", async () => {
    for (const Name of ["a", "b", "c"]) await call("CreateSecret", { Name });
    const { SecretList, NextToken } = await call("ListSecrets", { MaxResults: 2 });
    expect(SecretList).toHaveLength(2);
    expect((await call("ListSecrets", { MaxResults: 2, NextToken })).SecretList).toMatchObject([
      { Name: "c" },
    ]);
  });

  it("asks permission on the full ARN, however the secret is named", async () => {
    const { ARN } = await create();
    const access = (input: AwsInput) => secretsManager.service.operations.GetSecretValue?.access(input);
    for (const SecretId of ["orders/db", ARN, String(ARN).slice(0, -7)]) {
      expect(access({ SecretId, VersionStage: "AWSPENDING" })).toEqual([
        {
          action: "secretsmanager:GetSecretValue",
          resource: ARN,
          context: { "secretsmanager:SecretId": ARN, "secretsmanager:VersionStage": "AWSPENDING" },
        },
      ]);
    }
    expect(() => access({ SecretId: null })).not.toThrow();
  });
});
