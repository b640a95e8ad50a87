import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from "@aws-sdk/client-dynamodb";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AwsEndpointFixture, roleArn, startAwsEndpoint } from "./aws-endpoint-fixture.ts";

let aws: AwsEndpointFixture;

beforeAll(async () => {
  aws = await startAwsEndpoint();
});

afterAll(() => aws.close());

describe("SQS behind the endpoint", () => {
  it("hands out queue URLs on the endpoint, whatever host the caller used", async () => {
    const client = new SQSClient({
      ...aws.operator,
      endpoint: aws.endpoint.url.replace("127.0.0.1", "localhost"),
    });
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "urls" }));
    expect(QueueUrl).toBe(`${aws.endpoint.url}/000000000000/urls`);
    client.destroy();
  });

  it("sends and receives, and keeps the connection for the next call", async () => {
    const client = new SQSClient(aws.operator);
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "work" }));
    const waiting = client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "héllo" }));
    expect((await waiting).Messages).toMatchObject([{ Body: "héllo" }]);
    for (let index = 0; index < 5; index++) {
      await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "x".repeat(20_000) }));
    }
    client.destroy();
  });

  it("fails with the SDK's own exceptions", async () => {
    const client = new SQSClient(aws.operator);
    const QueueUrl = `${aws.endpoint.url}/000000000000/none`;
    await expect(client.send(new SendMessageCommand({ QueueUrl, MessageBody: "x" }))).rejects.toBeInstanceOf(
      QueueDoesNotExist,
    );
    client.destroy();
  });

  it("decides batches by the action of their single form", async () => {
    const operator = new SQSClient(aws.operator);
    const { QueueUrl } = await operator.send(new CreateQueueCommand({ QueueName: "limited" }));
    await aws.authorizer.putRole(roleArn, [
      { Effect: "Allow", Action: "sqs:SendMessage", Resource: "arn:aws:sqs:us-east-1:000000000000:limited" },
    ]);
    const limited = new SQSClient(aws.underRole);
    const { Successful } = await limited.send(
      new SendMessageBatchCommand({ QueueUrl, Entries: [{ Id: "a", MessageBody: "x" }] }),
    );
    expect(Successful).toMatchObject([{ Id: "a" }]);
    await expect(
      limited.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: [{ Id: "a", ReceiptHandle: "x" }] })),
    ).rejects.toMatchObject({
      name: "AccessDeniedException",
      message: expect.stringContaining(
        "is not authorized to perform: sqs:DeleteMessage on resource: arn:aws:sqs:us-east-1:000000000000:limited",
      ),
    });
    operator.destroy();
    limited.destroy();
  });
});

describe("DynamoDB behind the endpoint", () => {
  it("puts on a condition, and is limited by the role", async () => {
    const operator = new DynamoDBClient(aws.operator);
    await operator.send(
      new CreateTableCommand({
        TableName: "ledger",
        BillingMode: "PAY_PER_REQUEST",
        KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
        AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      }),
    );
    await aws.authorizer.putRole(roleArn, [
      {
        Effect: "Allow",
        Action: "dynamodb:PutItem",
        Resource: "arn:aws:dynamodb:us-east-1:000000000000:table/ledger",
      },
    ]);
    const limited = new DynamoDBClient(aws.underRole);
    const put = () =>
      limited.send(
        new PutItemCommand({
          TableName: "ledger",
          Item: { pk: { S: "a" } },
          ConditionExpression: "attribute_not_exists(pk)",
        }),
      );
    await put();
    await expect(put()).rejects.toBeInstanceOf(ConditionalCheckFailedException);
    await expect(
      limited.send(new GetItemCommand({ TableName: "ledger", Key: { pk: { S: "a" } } })),
    ).rejects.toMatchObject({
      name: "AccessDeniedException",
      message: expect.stringContaining("dynamodb:GetItem"),
    });
    operator.destroy();
    limited.destroy();
  });
});
