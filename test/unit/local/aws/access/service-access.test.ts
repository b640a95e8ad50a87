import { describe, expect, it } from "vitest";
import { createDynamoDbAccess } from "../../../../../local/aws/access/dynamodb-access.ts";
import { createSqsAccess } from "../../../../../local/aws/access/sqs-access.ts";

const place = { accountId: "000000000000", region: "us-east-1" };
const queueArn = "arn:aws:sqs:us-east-1:000000000000:q";
const tableArn = "arn:aws:dynamodb:us-east-1:000000000000:table/ledger";

describe("access to SQS", () => {
  const access = createSqsAccess(place);
  const QueueUrl = "http://127.0.0.1:4566/000000000000/q";

  it.each([
    ["SendMessage", "sqs:SendMessage"],
    ["SendMessageBatch", "sqs:SendMessage"],
    ["ReceiveMessage", "sqs:ReceiveMessage"],
    ["DeleteMessageBatch", "sqs:DeleteMessage"],
    ["ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility"],
    ["GetQueueAttributes", "sqs:GetQueueAttributes"],
  ])("%s needs %s on the queue", (operation, action) => {
    expect(access(operation, { QueueUrl })).toEqual([{ action, resource: queueArn }]);
  });

  it("takes the queue from its name", () => {
    expect(access("GetQueueUrl", { QueueName: "q" })).toEqual([
      { action: "sqs:GetQueueUrl", resource: queueArn },
    ]);
  });

  it("asks for everything where no queue is named", () => {
    expect(access("ListQueues", {})).toEqual([{ action: "sqs:ListQueues", resource: "*" }]);
  });
});

describe("access to DynamoDB", () => {
  const access = createDynamoDbAccess(place);

  it("needs the action of the same name on the table", () => {
    expect(access("PutItem", { TableName: "ledger" })).toEqual([
      { action: "dynamodb:PutItem", resource: tableArn },
    ]);
  });

  it("needs a query of an index on the index", () => {
    expect(access("Query", { TableName: tableArn, IndexName: "byService" })).toEqual([
      { action: "dynamodb:Query", resource: `${tableArn}/index/byService` },
    ]);
  });

  it("needs a batch on each of its tables", () => {
    expect(access("BatchWriteItem", { RequestItems: { ledger: [], other: [] } })).toMatchObject([
      { action: "dynamodb:BatchWriteItem", resource: tableArn },
      { action: "dynamodb:BatchWriteItem" },
    ]);
  });

  it("needs a transaction by the actions of its items", () => {
    const TransactItems = [{ Put: { TableName: "ledger" } }, { ConditionCheck: { TableName: "ledger" } }];
    expect(access("TransactWriteItems", { TransactItems })).toEqual([
      { action: "dynamodb:PutItem", resource: tableArn },
      { action: "dynamodb:ConditionCheckItem", resource: tableArn },
    ]);
  });

  it.each([{}, { TransactItems: 1 }, { TransactItems: [null] }])("does not stumble over %j", (input) => {
    expect(() => access("TransactWriteItems", input)).not.toThrow();
  });
});
