import type { AccessRequest, AwsInput, AwsPlace } from "../service.ts";

/** Operations whose IAM action has another name: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html */
const actionsByOperation: Readonly<Record<string, string>> = {
  SendMessageBatch: "SendMessage",
  DeleteMessageBatch: "DeleteMessage",
  ChangeMessageVisibilityBatch: "ChangeMessageVisibility",
};

/** The permissions that a call on SQS needs. */
export function createSqsAccess({ region, accountId }: AwsPlace) {
  return (operation: string, input: AwsInput): readonly AccessRequest[] => {
    const action = `sqs:${actionsByOperation[operation] ?? operation}`;
    const name = queueName(input);
    return [{ action, resource: name === undefined ? "*" : `arn:aws:sqs:${region}:${accountId}:${name}` }];
  };
}

function queueName({ QueueName: name, QueueUrl: url }: AwsInput): string | undefined {
  if (typeof name === "string") return name;
  return typeof url === "string" ? url.split("/").at(-1) : undefined;
}
