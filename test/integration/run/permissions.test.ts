import { readFileSync } from "node:fs";
import { PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { GetQueueAttributesCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthorizer } from "../../../local/aws/access/authorizer.ts";
import { createRolePermissions } from "../../../local/lambda/role-permissions.ts";
import { reportTopic } from "../../../shared/contract/topics.ts";
import { eventually, FUNCTIONS, startTestRun, type TestRun } from "./local-run.ts";
import { queueUrlOf } from "./operator-view.ts";
import { SCENARIOS } from "./permission-scenarios.ts";
import { fullyPermitted, rolesOf, stackOf, withoutAction } from "./role-statements.ts";
import { batchOf, failuresOf } from "./sqs-event.ts";

const STRANGER = "stranger";
const REPORTS_RULE = "reports-rule";
const LOGGING = ["logs:CreateLogStream", "logs:PutLogEvents"];
const POLLING = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
const place = { accountId: "000000000000", region: "us-east-1" };
const packaged = fullyPermitted();
const stack = stackOf(packaged.template, place);
const roles = rolesOf(stack);

const messages: string[] = [];
let run: TestRun;
beforeAll(async () => {
  run = await startTestRun({
    packaged: { ...packaged, template: withStrangerRule(withoutMappings(packaged.template)) },
    log: (message) => messages.push(message),
  });
});
afterAll(() => run?.stop());

interface Template {
  readonly Resources: Record<string, { readonly Type: string; readonly Properties: object }>;
}

/** Functions run when a test invokes them, and at no other time; measure's own queue is read, for the stranger. */
function withoutMappings(template: Template): Template {
  const copy = structuredClone(template);
  for (const [id, { Type, Properties }] of Object.entries(copy.Resources)) {
    const isOff = Type === "AWS::Lambda::EventSourceMapping" && !id.startsWith("Measure");
    if (isOff) Object.assign(Properties, { Enabled: false });
  }
  return copy;
}

/** Adds a rule for measure's queue, which the queue's policy does not name. */
function withStrangerRule({ Resources, ...rest }: Template): Template {
  const Properties = {
    Name: `keyturn-${STRANGER}`,
    EventPattern: { source: [STRANGER] },
    Targets: [{ Id: "measure", Arn: { "Fn::GetAtt": ["MeasureQueue", "Arn"] } }],
  };
  return { ...rest, Resources: { ...Resources, StrangerRule: { Type: "AWS::Events::Rule", Properties } } };
}

function roleOf(name: string) {
  const role = roles.get(name);
  if (!role) throw new Error(`The template has no role for ${name}`);
  return role;
}

/** Gives a role all its statements, but for one action. */
async function putRole(name: string, without?: string): Promise<void> {
  const role = roleOf(name);
  await run.createRole(role.name, withoutAction(role.statements, without));
}

async function lacking<T>(name: string, action: string, act: () => Promise<T>): Promise<T> {
  await putRole(name, action);
  try {
    return await act();
  } finally {
    await putRole(name);
  }
}

test("every action of every role is one that some test here takes away", () => {
  const tested = [
    ...SCENARIOS.flatMap(({ name, actions }) => actions.map((action) => `${name}: ${action}`)),
    ...FUNCTIONS.flatMap((name) => [...LOGGING, ...POLLING].map((action) => `${name}: ${action}`)),
    `${REPORTS_RULE}: sqs:SendMessage`,
  ];
  const given = [...roles].flatMap(([name, { statements }]) =>
    statements.flatMap(({ Action }) => Action.map((action) => `${name}: ${action}`)),
  );
  // Sorted lists, not sets: an action that a role has from two statements would hide one of them.
  expect(given.toSorted()).toEqual(tested.toSorted());
});

describe.each(SCENARIOS)("$name $what", ({ name, actions, message, refusal }) => {
  test.each(actions)("not without %s", async (action) => {
    const batch = batchOf(run, name, [await message(run)]);
    const answer = await lacking(name, action, () => run.invoke(name, batch));
    expect(answer).toEqual(failuresOf(batch, 0));
    const [failure] = run.seen.logsOf(name, { messageId: batch.Records[0]?.messageId, level: "ERROR" });
    const said = JSON.stringify([failure?.error, failure?.details]);
    const named = new RegExp(`/keyturn-test-${name} is not authorized to perform: ${action} `);
    expect(said).toMatch(refusal ?? named);
  });

  test("with its role as the template has it", async () => {
    const batch = batchOf(run, name, [await message(run)]);
    expect(await run.invoke(name, batch)).toEqual(failuresOf(batch));
  });
});

describe.each(FUNCTIONS)("Lambda on behalf of %s", (name) => {
  const linesAbout = async (): Promise<number> => {
    const batch = batchOf(run, name, ["no JSON"]);
    await run.invoke(name, batch);
    return run.seen.logsOf(name, { messageId: batch.Records[0]?.messageId }).length;
  };

  test.each(LOGGING)("writes no log without %s", async (action) => {
    expect(await lacking(name, action, linesAbout)).toBe(0);
    expect(await linesAbout()).toBe(1);
  });

  const polled = stack.mappings.filter(({ properties }) => properties.FunctionName.endsWith(`-${name}`));
  const startPolling = async (without?: string): Promise<void> => {
    const { arn, statements } = roleOf(name);
    const authorizer = await createAuthorizer({
      roles: { [arn]: withoutAction(statements, without) },
    });
    const { requirePolling } = createRolePermissions(authorizer, place, { roleArn: arn, name });
    for (const { properties } of polled) requirePolling(properties.EventSourceArn);
  };

  test.each(POLLING)("does not begin to poll without %s", async (action) => {
    expect(polled.length).toBeGreaterThan(0);
    await expect(startPolling(action)).rejects.toThrow(`is not authorized to perform: ${action}`);
    await expect(startPolling()).resolves.toBeUndefined();
  });
});

test("a function cannot send a kind of event that is another's", async () => {
  const { name, statements } = roleOf("notify");
  const scenario = SCENARIOS.find((one) => one.name === "notify");
  if (!scenario) throw new Error("No scenario for notify");
  const batch = batchOf(run, "notify", [await scenario.message(run)]);
  const asVerify = { "events:source": run.eventSource, "events:detail-type": ["CredentialVerified"] };
  const otherKinds = statements.map((statement) =>
    statement.Action.includes("events:PutEvents")
      ? { ...statement, Condition: { StringEquals: asVerify } }
      : statement,
  );
  await run.createRole(name, otherKinds);
  try {
    expect(await run.invoke("notify", batch)).toEqual(failuresOf(batch, 0));
    const [failure] = run.seen.logsOf("notify", {
      messageId: batch.Records[0]?.messageId,
      level: "ERROR",
    });
    expect(JSON.stringify(failure?.error)).toMatch(/is not authorized to perform: events:PutEvents /);
  } finally {
    await putRole("notify");
  }
});

test("a stack whose function may not poll its queue is not created", async () => {
  const template = structuredClone(packaged.template) as unknown as {
    Resources: { NotifyRole: { Properties: { Policies: object[] } } };
  };
  template.Resources.NotifyRole.Properties.Policies = [];
  await expect(startTestRun({ packaged: { ...packaged, template } })).rejects.toThrow(
    "is not authorized to perform: sqs:ReceiveMessage",
  );
});

test("IoT brings a report to its queue, not without sqs:SendMessage", async () => {
  const payload = readFileSync(new URL("../../../events/messages/report-swapped.json", import.meta.url));
  const { secretArn } = JSON.parse(String(payload));
  const client = await connectAsync(run.mqttUrl);
  const report = () => client.publishAsync(reportTopic(run.topicPrefix, secretArn), payload, { qos: 1 });
  const waiting = async () => {
    const QueueUrl = await queueUrlOf(run, "reports");
    const AttributeNames = ["ApproximateNumberOfMessages"] as const;
    const answer = await run.clients.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }),
    );
    return Number(answer.Attributes?.ApproximateNumberOfMessages);
  };
  try {
    await lacking(REPORTS_RULE, "sqs:SendMessage", async () => {
      await report();
      await eventually(() =>
        expect(messages.join("\n")).toContain("is not authorized to perform: sqs:SendMessage"),
      );
    });
    expect(await waiting()).toBe(0);
    await report();
    await eventually(async () => expect(await waiting()).toBe(1));
  } finally {
    await client.endAsync();
  }
});

test("an event of a rule that the queue's policy does not name is not delivered", async () => {
  const { clients, seen } = run;
  const Entries = [{ Source: STRANGER, DetailType: "Strange", Detail: "{}" }];
  await clients.eventBridge.send(new PutEventsCommand({ Entries }));
  const dropped = await eventually(() => {
    const found = messages.find((message) => message.startsWith("Event was dropped"));
    if (!found) throw new Error("Nothing was said of a dropped event");
    return found;
  });
  expect(dropped).toContain("NO_PERMISSIONS");
  expect(dropped).toContain(`arn:aws:events:us-east-1:000000000000:rule/keyturn-${STRANGER}`);

  // What is sent after it comes alone.
  const QueueUrl = await queueUrlOf(run, "measure");
  await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "marker" }));
  const fromQueue = () => seen.logsOf("measure", { level: "ERROR", receiveCount: 1 }).slice(-1);
  await eventually(() =>
    expect(fromQueue()).toMatchObject([
      { error: { name: "InvalidMessageError", message: "Message is not JSON" } },
    ]),
  );
});
