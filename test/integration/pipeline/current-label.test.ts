import {
  CreateSecretCommand,
  DescribeSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createCurrentLabel } from "../../../shared/aws/current-label.ts";
import { type AwsEndpointFixture, startAwsEndpoint } from "../local/aws/aws-endpoint-fixture.ts";

let aws: AwsEndpointFixture;
let client: SecretsManagerClient;
beforeAll(async () => {
  aws = await startAwsEndpoint();
  client = new SecretsManagerClient(aws.operator);
});
afterAll(async () => {
  client.destroy();
  await aws.close();
});

async function secretWithTwoVersions(Name: string) {
  const { ARN: arn = "", VersionId: first = "" } = await client.send(
    new CreateSecretCommand({ Name, SecretString: "first-EXAMPLE" }),
  );
  return { arn, first, second: await put(arn, "second-EXAMPLE") };
}

async function put(SecretId: string, SecretString: string): Promise<string> {
  const { VersionId = "" } = await client.send(new PutSecretValueCommand({ SecretId, SecretString }));
  return VersionId;
}

async function labelsOf(SecretId: string) {
  return (await client.send(new DescribeSecretCommand({ SecretId }))).VersionIdsToStages;
}

test("moves AWSCURRENT back, and leaves AWSPREVIOUS on the version that had it", async () => {
  const { arn, first, second } = await secretWithTwoVersions("moved-back");
  expect(await createCurrentLabel(client).move(arn, second, first)).toBe(true);
  expect(await labelsOf(arn)).toEqual({ [first]: ["AWSCURRENT"], [second]: ["AWSPREVIOUS"] });
});

test("moves nothing where a newer version has become current meanwhile", async () => {
  const { arn, first, second } = await secretWithTwoVersions("overtaken");
  const third = await put(arn, "third-EXAMPLE");
  expect(await createCurrentLabel(client).move(arn, second, first)).toBe(false);
  expect(await labelsOf(arn)).toMatchObject({ [third]: ["AWSCURRENT"] });
});

test("takes AWSPENDING from the version that has it, and leaves another's alone", async () => {
  const { arn, first, second } = await secretWithTwoVersions("left-pending");
  const move = (MoveToVersionId: string, RemoveFromVersionId?: string) =>
    client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: arn,
        VersionStage: "AWSPENDING",
        MoveToVersionId,
        RemoveFromVersionId,
      }),
    );
  await move(second);
  await createCurrentLabel(client).removePending(arn, second);
  expect(await labelsOf(arn)).toEqual({ [first]: ["AWSPREVIOUS"], [second]: ["AWSCURRENT"] });
  await move(first);
  await createCurrentLabel(client).removePending(arn, second);
  expect(await labelsOf(arn)).toMatchObject({ [first]: expect.arrayContaining(["AWSPENDING"]) });
});
