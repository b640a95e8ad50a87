import { CreateSecretCommand, PutSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSecretsManagerSource } from "../../../client/src/sources/secrets-manager.ts";
import { OPERATOR, STRANGER, startAws } from "./aws.ts";

let aws: Awaited<ReturnType<typeof startAws>>;

beforeAll(async () => {
  aws = await startAws();
});
afterAll(() => aws.stop());

async function createSecret(Name: string) {
  const client = aws.clientOf(OPERATOR);
  const created = await client.send(new CreateSecretCommand({ Name, SecretString: "first-EXAMPLE" }));
  return { client, arn: created.ARN ?? "", versionId: created.VersionId ?? "" };
}

test("reads the current version, a certain version, and the ARN behind a name", async () => {
  const { client, arn, versionId } = await createSecret("orders/db");
  const source = createSecretsManagerSource(client);
  const { VersionId: pending = "" } = await client.send(
    new PutSecretValueCommand({ SecretId: arn, SecretString: "next-EXAMPLE", VersionStages: ["AWSPENDING"] }),
  );
  const current = await source.readCurrent("orders/db");
  expect(current).toMatchObject({ secretArn: arn, versionId, labels: ["AWSCURRENT"] });
  expect(current.value.reveal()).toBe("first-EXAMPLE");
  expect(JSON.stringify(current)).not.toContain("first-EXAMPLE");
  expect(await source.readVersion(arn, pending)).toMatchObject({
    versionId: pending,
    labels: ["AWSPENDING"],
  });
});

test("a version that is not there yet is no error", async () => {
  const { client, arn } = await createSecret("orders/late");
  const source = createSecretsManagerSource(client);
  expect(await source.readVersion(arn, "00000000-0000-4000-8000-000000000009")).toBeUndefined();
});

test("a secret that is not there, and one that may not be read, each say what to mend", async () => {
  const { arn } = await createSecret("orders/private");
  await expect(
    createSecretsManagerSource(aws.clientOf(OPERATOR)).readCurrent("orders/none"),
  ).rejects.toMatchObject({ code: "SECRET_NOT_FOUND", message: expect.stringContaining("region") });
  await expect(createSecretsManagerSource(aws.clientOf(STRANGER)).readCurrent(arn)).rejects.toMatchObject({
    code: "SECRET_ACCESS_DENIED",
    message: expect.stringContaining("secretsmanager:GetSecretValue"),
  });
});
