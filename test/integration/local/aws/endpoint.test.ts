import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { ECSClient, ListClustersCommand } from "@aws-sdk/client-ecs";
import { IoTDataPlaneClient, PublishCommand } from "@aws-sdk/client-iot-data-plane";
import {
  ListSecretsCommand,
  RotateSecretCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { CreateQueueCommand, ListQueuesCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AwsEndpointFixture, roleArn, startAwsEndpoint } from "./aws-endpoint-fixture.ts";

let aws: AwsEndpointFixture;

beforeAll(async () => {
  aws = await startAwsEndpoint([
    {
      targetPrefix: "AmazonEC2ContainerServiceV20141113",
      jsonVersion: "1.1",
      operations: {
        ListClusters: {
          access: () => [],
          run() {
            throw new TypeError("a fault of our own");
          },
        },
      },
    },
  ]);
});

afterAll(() => aws.close());

describe("callers", () => {
  const stranger = () => ({
    ...aws.operator,
    credentials: { accessKeyId: "AKIASTRANGER", secretAccessKey: "fake" },
  });

  it("are refused with an unknown access key id, in the words of each service", async () => {
    const secretsManager = new SecretsManagerClient(stranger());
    const dynamoDb = new DynamoDBClient(stranger());
    const sqs = new SQSClient(stranger());
    const iot = new IoTDataPlaneClient(stranger());
    await expect(secretsManager.send(new ListSecretsCommand({}))).rejects.toMatchObject({
      name: "UnrecognizedClientException",
    });
    await expect(dynamoDb.send(new ListTablesCommand({}))).rejects.toMatchObject({
      name: "UnrecognizedClientException",
    });
    await expect(sqs.send(new ListQueuesCommand({}))).rejects.toMatchObject({ name: "InvalidClientTokenId" });
    await expect(iot.send(new PublishCommand({ topic: "t" }))).rejects.toMatchObject({
      name: "UnrecognizedClientException",
    });
    for (const client of [secretsManager, dynamoDb, sqs, iot]) client.destroy();
  });

  it("are refused without a signature", async () => {
    const response = await fetch(aws.endpoint.url, {
      method: "POST",
      headers: { "x-amz-target": "secretsmanager.ListSecrets" },
      body: "{}",
    });
    expect(response.status).toBe(400);
    expect(response.headers.get("x-amzn-errortype")).toBe("UnrecognizedClientException");
  });
});

describe("operations", () => {
  it("tell the caller of STS who it is, as sls invoke local asks for the account", async () => {
    const client = new STSClient(aws.operator);
    expect(await client.send(new GetCallerIdentityCommand())).toMatchObject({ Account: "000000000000" });
    client.destroy();
  });

  it("that the local run does not have are refused with a list of those that the service has", async () => {
    const client = new SecretsManagerClient(aws.operator);
    const rotate = client.send(new RotateSecretCommand({ SecretId: "x" }));
    await expect(rotate).rejects.toMatchObject({ name: "UnknownOperationException" });
    await expect(rotate).rejects.toThrow(
      /does not support secretsmanager\.RotateSecret\. It supports secretsmanager\.\{[^{}]*PutSecretValue[^{}]*\}\.$/,
    );
    client.destroy();
  });

  it.each([
    ["POST", "/", "Kinesis_20131202.ListStreams"],
    ["GET", "/things", undefined],
  ])(
    "of no service of the local run are refused with a list of all: %s %s %s",
    async (method, path, target) => {
      const response = await fetch(new URL(path, aws.endpoint.url), {
        method,
        headers: {
          ...(target === undefined ? {} : { "x-amz-target": target }),
          authorization: "AWS4-HMAC-SHA256 Credential=AKIAOPERATOR/20261120/us-east-1/kinesis/aws4_request",
        },
      });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        __type: "UnknownOperationException",
        message: expect.stringMatching(
          /It supports .*secretsmanager\.\{.*AWSEvents\.\{PutEvents.*AmazonSQS\.\*.*POST \/topics/,
        ),
      });
    },
  );

  it("that fail inside answer as the service does, and are logged", async () => {
    const client = new ECSClient(aws.operator);
    await expect(client.send(new ListClustersCommand({}))).rejects.toMatchObject({
      name: "ServerException",
      $metadata: { httpStatusCode: 500 },
    });
    expect(aws.log).toHaveBeenCalledWith(
      "AWS endpoint failed",
      expect.objectContaining({
        target: "AmazonEC2ContainerServiceV20141113.ListClusters",
        error: expect.any(TypeError),
      }),
    );
    client.destroy();
  });

  it("with a body that is not JSON are refused", async () => {
    const response = await fetch(aws.endpoint.url, {
      method: "POST",
      headers: {
        "x-amz-target": "secretsmanager.ListSecrets",
        authorization:
          "AWS4-HMAC-SHA256 Credential=AKIAOPERATOR/20261120/us-east-1/secretsmanager/aws4_request",
      },
      body: "{",
    });
    expect(await response.json()).toMatchObject({ __type: "SerializationException" });
  });
});

describe("IoT data plane", () => {
  it("hands messages to the broker", async () => {
    const client = new IoTDataPlaneClient(aws.operator);
    const topic = "keyturn/dev/notices/orders:db-AbCdEf";
    await client.send(new PublishCommand({ topic, qos: 1, retain: true, payload: Buffer.from('{"v":1}') }));
    expect(aws.publish).toHaveBeenLastCalledWith(topic, Buffer.from('{"v":1}'), { qos: 1, retain: true });
    client.destroy();
  });

  it("needs iot:RetainPublish to retain", async () => {
    const Resource = "arn:aws:iot:us-east-1:000000000000:topic/keyturn/dev/notices/*";
    await aws.authorizer.putRole(roleArn, [{ Effect: "Allow", Action: "iot:Publish", Resource }]);
    const client = new IoTDataPlaneClient(aws.underRole);
    const publish = (topic: string, retain: boolean) =>
      client.send(new PublishCommand({ topic, retain, payload: "x" }));
    await expect(publish("keyturn/dev/notices/a", false)).resolves.toBeDefined();
    await expect(publish("keyturn/dev/notices/a", true)).rejects.toThrow(
      "is not authorized to perform: iot:RetainPublish",
    );
    await expect(publish("keyturn/prod/notices/a", false)).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
    client.destroy();
  });
});

describe("task metadata", () => {
  it("is there without a signature, for tasks that exist", async () => {
    const get = (id: string) => fetch(`${aws.endpoint.url}/task-metadata/${id}/task`);
    expect(await (await get("task-1")).json()).toEqual({ Family: "orders-api" });
    expect((await get("task-2")).status).toBe(404);
  });
});

describe("closing", () => {
  it("ends a waiting long poll at once", async () => {
    const own = await startAwsEndpoint();
    const client = new SQSClient(own.operator);
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "idle" }));
    const poll = client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
    const ended = expect(poll).rejects.toThrow();
    // The second call is answered after the poll has arrived on its own connection.
    await client.send(new ListQueuesCommand({}));
    const startedMs = performance.now();
    await own.close();
    await ended;
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    client.destroy();
  });
});
