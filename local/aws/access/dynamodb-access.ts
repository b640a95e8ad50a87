import type { AccessRequest, AwsInput, AwsPlace } from "../service.ts";

/** Transactions have no IAM actions of their own: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html */
const transactActions: Readonly<Record<string, string>> = {
  Put: "PutItem",
  Update: "UpdateItem",
  Delete: "DeleteItem",
  ConditionCheck: "ConditionCheckItem",
  Get: "GetItem",
};

/** The permissions that a call on DynamoDB needs. */
export function createDynamoDbAccess({ region, accountId }: AwsPlace) {
  const tableArn = (table: string) =>
    table.startsWith("arn:") ? table : `arn:aws:dynamodb:${region}:${accountId}:table/${table}`;

  return (operation: string, input: AwsInput): readonly AccessRequest[] => {
    const action = `dynamodb:${operation}`;
    switch (operation) {
      case "TransactWriteItems":
      case "TransactGetItems":
        return transactAccess(input.TransactItems, tableArn);
      case "BatchWriteItem":
      case "BatchGetItem":
        return tables(input.RequestItems).map((table) => ({ action, resource: tableArn(table) }));
      default: {
        const { TableName: table, IndexName: index } = input;
        if (typeof table !== "string") return [{ action, resource: "*" }];
        const resource = tableArn(table);
        return [{ action, resource: typeof index === "string" ? `${resource}/index/${index}` : resource }];
      }
    }
  };
}

function transactAccess(items: unknown, tableArn: (table: string) => string): readonly AccessRequest[] {
  if (!Array.isArray(items)) return [];
  return items.flatMap((item: unknown) =>
    Object.entries(isRecord(item) ? item : {}).flatMap(([kind, request]) => {
      const action = transactActions[kind];
      if (!action || !isRecord(request) || typeof request.TableName !== "string") return [];
      return [{ action: `dynamodb:${action}`, resource: tableArn(request.TableName) }];
    }),
  );
}

function tables(requestItems: unknown): readonly string[] {
  return isRecord(requestItems) ? Object.keys(requestItems) : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
