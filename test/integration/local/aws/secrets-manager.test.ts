import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  InvalidParameterException,
  PutSecretValueCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type AwsEndpointFixture, startAwsEndpoint } from "./aws-endpoint-fixture.ts";

const v1 = "11111111-1111-4111-8111-111111111111";
const v2 = "22222222-2222-4222-8222-222222222222";

let aws: AwsEndpointFixture;
let client: SecretsManagerClient;

beforeAll(async () => {
  aws = await startAwsEndpoint();
  client = new SecretsManagerClient(aws.operator);
  aws.eventBridge.putRule({
    Name: "rotations",
    EventPattern: { source: ["aws.secretsmanager"], detail: { labelUpdated: ["AWSCURRENT"] } },
    Targets: [{ Id: "notify", Arn: "arn:aws:sqs:us-east-1:000000000000:notify" }],
  });
});

afterAll(async () => {
  client.destroy();
  await aws.close();
});

describe("Secrets Manager through the SDK", () => {
  it("takes a secret through the steps of a rotation, and sends the native event at its end", async () => {
    const { ARN } = await client.send(
      new CreateSecretCommand({
        Name: "orders/db",
        SecretString: '{"password":"one"}',
        ClientRequestToken: v1,
      }),
    );
    await client.send(
      new PutSecretValueCommand({
        SecretId: "orders/db",
        SecretString: '{"password":"two"}',
        ClientRequestToken: v2,
        VersionStages: ["AWSPENDING"],
      }),
    );
    const pending = await client.send(
      new GetSecretValueCommand({ SecretId: ARN, VersionStage: "AWSPENDING" }),
    );
    expect(pending).toMatchObject({
      VersionId: v2,
      SecretString: '{"password":"two"}',
      VersionStages: ["AWSPENDING"],
    });
    await client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: ARN,
        VersionStage: "AWSCURRENT",
        MoveToVersionId: v2,
        RemoveFromVersionId: v1,
      }),
    );
    const described = await client.send(new DescribeSecretCommand({ SecretId: ARN }));
    expect(described).toMatchObject({
      VersionIdsToStages: { [v1]: ["AWSPREVIOUS"], [v2]: ["AWSPENDING", "AWSCURRENT"] },
      LastChangedDate: expect.any(Date),
    });
    await vi.waitFor(() =>
      expect(aws.delivered.map(({ event }) => event.detail)).toContainEqual({
        name: "orders/db",
        labelUpdated: "AWSCURRENT",
        versionId: v2,
      }),
    );
  });

  it("carries binary values", async () => {
    const SecretBinary = Uint8Array.from([0, 1, 254, 255]);
    await client.send(new CreateSecretCommand({ Name: "binary", SecretBinary }));
    const value = await client.send(new GetSecretValueCommand({ SecretId: "binary" }));
    expect([...(value.SecretBinary ?? [])]).toEqual([...SecretBinary]);
  });

  it("fails with the SDK's own exceptions", async () => {
    await client.send(
      new CreateSecretCommand({ Name: "errors", SecretString: "one", ClientRequestToken: v1 }),
    );
    await client.send(
      new PutSecretValueCommand({ SecretId: "errors", SecretString: "two", ClientRequestToken: v2 }),
    );
    const get = client.send(new GetSecretValueCommand({ SecretId: "none" }));
    await expect(get).rejects.toBeInstanceOf(ResourceNotFoundException);
    await expect(get).rejects.toThrow("Secrets Manager can't find the specified secret.");
    await expect(
      client.send(
        new PutSecretValueCommand({ SecretId: "errors", SecretString: "three", ClientRequestToken: v1 }),
      ),
    ).rejects.toBeInstanceOf(ResourceExistsException);
    await expect(
      client.send(
        new UpdateSecretVersionStageCommand({
          SecretId: "errors",
          VersionStage: "AWSCURRENT",
          MoveToVersionId: v1,
        }),
      ),
    ).rejects.toBeInstanceOf(InvalidParameterException);
  });
});

describe("access to Secrets Manager", () => {
  it("is denied in AWS's words when a statement is taken from the role", async () => {
    const { ARN = "" } = await client.send(new CreateSecretCommand({ Name: "guarded", SecretString: "one" }));
    const statements = [
      { Effect: "Allow", Action: "secretsmanager:DescribeSecret", Resource: ARN },
      { Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: ARN },
    ];
    const limited = new SecretsManagerClient(aws.underRole);
    const get = () => limited.send(new GetSecretValueCommand({ SecretId: "guarded" }));

    await aws.authorizer.putRole("arn:aws:iam::000000000000:role/keyturn-dev-notify", statements);
    await expect(get()).resolves.toMatchObject({ SecretString: "one" });

    await aws.authorizer.putRole("arn:aws:iam::000000000000:role/keyturn-dev-notify", statements.slice(0, 1));
    await expect(limited.send(new DescribeSecretCommand({ SecretId: ARN }))).resolves.toMatchObject({ ARN });
    await expect(get()).rejects.toMatchObject({
      name: "AccessDeniedException",
      message: `User: arn:aws:sts::000000000000:assumed-role/keyturn-dev-notify/keyturn-dev-notify is not authorized to perform: secretsmanager:GetSecretValue on resource: ${ARN} because no identity-based policy allows the secretsmanager:GetSecretValue action`,
    });
    limited.destroy();
  });
});
