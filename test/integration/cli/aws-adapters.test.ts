import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { ECSClient } from "@aws-sdk/client-ecs";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { SNSClient } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";
import { STSClient } from "@aws-sdk/client-sts";
import { afterEach, expect, test } from "vitest";
import { createAccount } from "../../../cli/src/aws/account.ts";
import { createDeadLetters } from "../../../cli/src/aws/dead-letters.ts";
import { createRunningTasks } from "../../../cli/src/aws/running-tasks.ts";
import { createTopics } from "../../../cli/src/aws/topics.ts";
import { describeFailure } from "../../../cli/src/describe-failure.ts";
import { EXIT } from "../../../cli/src/exit-code.ts";
import { stageNames } from "../../../cli/src/place/stage-names.ts";

/** A request of the SDK, as it is told apart. */
interface Asked {
  readonly operation: string;
  readonly body: string;
}
interface Answer {
  readonly status?: number;
  readonly type: string;
  readonly text: string;
}

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** What the local run does not have, in the form that AWS documents. */
async function serve(answer: (asked: Asked) => Answer) {
  const asked: Asked[] = [];
  const operationOf = ({ url = "", headers }: IncomingMessage, body: string) =>
    String(headers["x-amz-target"] ?? "").split(".")[1] ??
    new URLSearchParams(body).get("Action") ??
    url.split("?")[0] ??
    "";
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const one = { operation: operationOf(request, body), body };
    asked.push(one);
    const { status = 200, type, text: answered } = answer(one);
    response.writeHead(status, { "content-type": type }).end(answered);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endings.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const config = {
    region: "us-east-1",
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "first-EXAMPLE" },
    maxAttempts: 1,
  };
  return { asked, config };
}

const json = (value: unknown): Answer => ({
  type: "application/x-amz-json-1.0",
  text: JSON.stringify(value),
});
const xml = (inner: string, status = 200): Answer => ({ status, type: "text/xml", text: inner });
const names = stageNames("prod");

async function serveQueues(tasks: readonly object[]) {
  let look = 0;
  const { asked, config } = await serve(({ operation, body }) => {
    switch (operation) {
      case "GetQueueUrl":
        return json({ QueueUrl: `${config.endpoint}/000000000000/${JSON.parse(body).QueueName}` });
      case "GetQueueAttributes":
        return json({
          Attributes: {
            QueueArn: `arn:aws:sqs:us-east-1:000000000000:${JSON.parse(body).QueueUrl.split("/").at(-1)}`,
          },
        });
      case "StartMessageMoveTask":
        return json({ TaskHandle: "handle-1" });
      default:
        look += 1;
        return json({ Results: [tasks[Math.min(look, tasks.length) - 1]] });
    }
  });
  const client = new SQSClient(config);
  endings.push(() => client.destroy());
  return { asked, deadLetters: createDeadLetters(client, names, true) };
}

test("on AWS dead letters go back by a move task, to a queue that is named", async () => {
  const { asked, deadLetters } = await serveQueues([
    { TaskHandle: "handle-1", Status: "RUNNING", ApproximateNumberOfMessagesMoved: 40 },
    { Status: "COMPLETED", ApproximateNumberOfMessagesMoved: 70 },
  ]);
  const progress: number[] = [];
  const moved = await deadLetters.moveBack(
    "reports",
    (count) => progress.push(count),
    new AbortController().signal,
  );
  expect(moved).toBe(70);
  expect(progress).toEqual([40, 70]);
  const start = asked.find(({ operation }) => operation === "StartMessageMoveTask");
  expect(JSON.parse(start?.body ?? "")).toEqual({
    SourceArn: "arn:aws:sqs:us-east-1:000000000000:keyturn-prod-reports-dead-letters",
    DestinationArn: "arn:aws:sqs:us-east-1:000000000000:keyturn-prod-reports",
  });
});

test("a move task that SQS stops is an error with SQS's reason", async () => {
  const { deadLetters } = await serveQueues([
    { Status: "FAILED", ApproximateNumberOfMessagesMoved: 3, FailureReason: "AccessDenied" },
  ]);
  await expect(deadLetters.moveBack("notify", () => undefined, new AbortController().signal)).rejects.toThrow(
    "SQS stopped after 3 messages: AccessDenied",
  );
});

const QUEUE_ARNS = "arn:aws:sqs:us-east-1:000000000000:keyturn-prod-";

test("an account tells who is signed in, what the stack is, and what each function is fed from", async () => {
  const { config } = await serve(({ operation, body }) => {
    switch (operation) {
      case "GetCallerIdentity":
        return xml(
          '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::000000000000:user/ops</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>',
        );
      case "DescribeStacks":
        return body.includes("keyturn-prod")
          ? xml(
              "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>keyturn-prod</StackName><StackStatus>UPDATE_COMPLETE</StackStatus><Outputs><member><OutputKey>LedgerTableName</OutputKey><OutputValue>x</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>",
            )
          : xml(
              "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id keyturn-nope does not exist</Message></Error></ErrorResponse>",
              400,
            );
      case "DetectStackResourceDrift":
        return xml(
          "<DetectStackResourceDriftResponse><DetectStackResourceDriftResult><StackResourceDrift><StackResourceDriftStatus>MODIFIED</StackResourceDriftStatus></StackResourceDrift></DetectStackResourceDriftResult></DetectStackResourceDriftResponse>",
        );
      case "/2015-03-31/event-source-mappings":
        return {
          type: "application/json",
          text: JSON.stringify({
            EventSourceMappings: [
              { State: "Enabled", EventSourceArn: `${QUEUE_ARNS}redeploy` },
              { State: "Disabled", EventSourceArn: `${QUEUE_ARNS}deployments` },
            ],
          }),
        };
      default:
        return {
          type: "application/json",
          text: JSON.stringify({
            State: "Active",
            LastUpdateStatus: "Failed",
            LastUpdateStatusReason: "The subnet is gone",
            VpcConfig: { VpcId: "vpc-1", SubnetIds: ["subnet-1"], SecurityGroupIds: ["sg-1"] },
          }),
        };
    }
  });
  const clients = {
    sts: new STSClient(config),
    cloudFormation: new CloudFormationClient(config),
    lambda: new LambdaClient(config),
  };
  endings.push(...Object.values(clients).map((client) => () => client.destroy()));
  const account = createAccount(clients);
  expect(await account.caller()).toBe("arn:aws:iam::000000000000:user/ops");
  expect(await account.stack("keyturn-prod")).toEqual({
    status: "UPDATE_COMPLETE",
    outputs: ["LedgerTableName"],
  });
  expect(await account.stack("keyturn-nope")).toBeUndefined();
  expect(await account.function("keyturn-prod-redeploy")).toEqual({
    fedBy: ["keyturn-prod-redeploy"],
    trouble: "The subnet is gone",
    vpc: { vpcId: "vpc-1", subnetIds: ["subnet-1"], securityGroupIds: ["sg-1"] },
  });
  expect(await account.drift("keyturn-prod", "VerifyRole")).toBe("MODIFIED");
});

test("tasks of another account or Region count as neither running nor ended, whatever their cluster is called", async () => {
  const taskIn = (place: string) => `arn:aws:ecs:${place}:task/default/0123456789abcdef`;
  const [here, ...elsewhere] = [
    taskIn("us-east-1:000000000000"),
    taskIn("us-east-1:111122223333"),
    taskIn("eu-west-1:000000000000"),
  ];
  const { asked, config } = await serve(() => json({ tasks: [], failures: [] }));
  const client = new ECSClient(config);
  endings.push(() => client.destroy());
  const tasks = createRunningTasks(client, async () => "000000000000");
  expect(await tasks.ended([here ?? "", ...elsewhere, "host:4711"])).toEqual(new Set([here]));
  expect(asked.map(({ body }) => JSON.parse(body))).toEqual([{ cluster: "default", tasks: [here] }]);
  expect(await tasks.ended(elsewhere)).toEqual(new Set());
  expect(asked).toHaveLength(1);
});

const TOPIC = "arn:aws:sns:us-east-1:000000000000:keyturn-prod-alarms";
const snsXml = (text: string, status = 200): Answer => ({ status, type: "text/xml", text });
const snsFailure = (code: string, message: string, status: number) =>
  snsXml(
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
    status,
  );

test("SNS is asked how many subscriptions of a topic are confirmed, and how many wait", async () => {
  const entry = (key: string, value: number) => `<entry><key>${key}</key><value>${value}</value></entry>`;
  const { asked, config } = await serve(() =>
    snsXml(
      `<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes>${entry("SubscriptionsPending", 2)}${entry("SubscriptionsDeleted", 7)}${entry("SubscriptionsConfirmed", 1)}</Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>`,
    ),
  );
  const topics = createTopics(new SNSClient(config));
  expect(await topics.subscriptions(TOPIC)).toEqual({ confirmed: 1, pending: 2 });
  expect(asked.map(({ operation }) => operation)).toEqual(["GetTopicAttributes"]);
});

test("a topic that is not there is none, and a refusal names the action that is missing", async () => {
  const gone = await serve(() => snsFailure("NotFound", "Topic does not exist", 404));
  expect(await createTopics(new SNSClient(gone.config)).subscriptions(TOPIC)).toBeUndefined();
  const refusing = await serve(() =>
    snsFailure("AuthorizationError", "User x is not authorized to perform: SNS:GetTopicAttributes", 403),
  );
  const refusal = await createTopics(new SNSClient(refusing.config))
    .subscriptions(TOPIC)
    .catch((error: unknown) => error);
  expect(describeFailure(refusal)).toMatchObject({
    exitCode: EXIT.notAllowed,
    message: expect.stringContaining("SNS:GetTopicAttributes"),
  });
});
