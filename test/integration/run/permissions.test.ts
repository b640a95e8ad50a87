import { randomUUID } from "node:crypto";
import { PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAwsEvent } from "../../../local/aws/events/aws-event.ts";
import { rotationSucceededEvent } from "../../../local/aws/secrets/secret-events.ts";
import { readStack } from "../../../local/stack/resources.ts";
import { loadTemplate } from "../../../local/stack/template.ts";
import { topicKey } from "../../../shared/contract/topics.ts";
import { eventually, type FunctionName, packagedStack, startTestRun, type TestRun } from "./local-run.ts";
import { queueUrlOf, readLedger, readVersion } from "./operator-view.ts";
import { startTestService } from "./service.ts";
import { batchOf, failuresOf } from "./sqs-event.ts";
import { createTestStore, type TestStore } from "./store.ts";

const STRANGER = "stranger";
const messages: string[] = [];
let run: TestRun;
beforeAll(async () => {
  const packaged = packagedStack();
  run = await startTestRun({
    packaged: { ...packaged, template: withStrangerRule(packaged.template) },
    log: (message) => messages.push(message),
  });
});
afterAll(() => run?.stop());

interface Statement {
  readonly Action: string | readonly string[];
}

/** Gives a function the statements that its role has in the template, or all but one action of them. */
async function putRole(name: FunctionName, without?: string): Promise<void> {
  const { resources } = loadTemplate(packagedStack().template, {
    place: run.place,
    stackName: `keyturn-${run.stage}`,
    queueUrl: (queue) => `${run.awsEndpoint}/${run.place.accountId}/${queue}`,
  });
  const role = readStack(resources).roles.find((one) => one.name.endsWith(`-${name}`));
  if (!role) throw new Error(`The template has no role for ${name}`);
  const statements = (role.properties.Policies ?? []).flatMap(
    ({ PolicyDocument }) => [PolicyDocument.Statement].flat() as Statement[],
  );
  const kept = statements
    .map((statement) => ({
      ...statement,
      Action: [statement.Action].flat().filter((action) => action !== without),
    }))
    .filter(({ Action }) => Action.length > 0);
  await run.createRole(role.name, kept);
}

/** Adds a rule for measure's queue, which the queue's policy does not name. */
function withStrangerRule(template: unknown): unknown {
  const { Resources, ...rest } = structuredClone(template) as { Resources: Record<string, object> };
  const Properties = {
    Name: `keyturn-${STRANGER}`,
    EventPattern: { source: [STRANGER] },
    Targets: [{ Id: "measure", Arn: { "Fn::GetAtt": ["MeasureQueue", "Arn"] } }],
  };
  return { ...rest, Resources: { ...Resources, StrangerRule: { Type: "AWS::Events::Rule", Properties } } };
}

const rotationOf = ({ secretArn }: TestStore) => rotationSucceededEvent(run.place, secretArn, new Date());

function reportOf({ secretArn, firstVersionId: versionId }: TestStore): object {
  const who = { instanceId: randomUUID(), service: "orders-api" };
  const what = { outcome: "swapped", trigger: "notice", occurredAt: new Date().toISOString(), timings: {} };
  return { v: 1, secretArn, versionId, ...who, ...what };
}

function verifiedEvent({ secretArn }: TestStore): object {
  const at = new Date().toISOString();
  const detail = { v: 1, secretArn, versionId: randomUUID(), currentSince: at, occurredAt: at, verifyMs: 5 };
  return createAwsEvent(
    run.place,
    { source: run.eventSource, detailType: "CredentialVerified", detail },
    new Date(),
  );
}

/** A version that is verified, and a service that has not followed. */
async function leaveBehind(store: TestStore): Promise<void> {
  await startTestService(run, store);
  const { versionId } = await store.rotate();
  await eventually(async () =>
    expect(await readVersion(run, store.secretArn, versionId)).toMatchObject({ verdict: "accepted" }),
  );
}

interface Permission {
  readonly name: FunctionName;
  readonly action: string;
  /** What the function needs the action on. */
  readonly resource: (store: TestStore) => string | RegExp;
  readonly message: (store: TestStore) => object;
  /** Whether what the function needs the action for has been done. */
  readonly isDone: (store: TestStore) => boolean | Promise<boolean>;
  readonly prepare?: (store: TestStore) => Promise<void>;
}

const arn = (service: string, rest: string) => `arn:aws:${service}:us-east-1:000000000000:${rest}`;
const hasRow = async ({ secretArn }: TestStore, prefix: string) =>
  (await readLedger(run, secretArn)).some(({ sk }) => sk.startsWith(prefix));
const ledgerArn = () => arn("dynamodb", "table/keyturn-test-ledger");

test.each<Permission>([
  {
    name: "notify",
    action: "iot:Publish",
    resource: ({ secretArn }) => arn("iot", `topic/keyturn/test/notices/${topicKey(secretArn)}`),
    message: rotationOf,
    isDone: ({ secretArn }) => run.seen.notices.some((notice) => notice.secretArn === secretArn),
  },
  {
    name: "verify",
    action: "secretsmanager:GetSecretValue",
    resource: ({ secretArn }) => secretArn,
    message: rotationOf,
    isDone: async ({ secretArn, firstVersionId }) =>
      (await readVersion(run, secretArn, firstVersionId))?.verdict === "accepted",
  },
  {
    name: "acknowledge",
    action: "dynamodb:UpdateItem",
    resource: ledgerArn,
    message: reportOf,
    isDone: (store) => hasRow(store, "INSTANCE#"),
  },
  {
    name: "redeploy",
    action: "ecs:UpdateService",
    resource: () => /arn:aws:ecs:us-east-1:000000000000:service\/default\/legacy-\w+/,
    message: rotationOf,
    // A claim is made before the call, the decision is written after it.
    isDone: async ({ secretArn }) =>
      (await readLedger(run, secretArn)).some(({ decision }) => decision === "redeploy"),
    prepare: leaveBehind,
  },
  {
    name: "measure",
    action: "dynamodb:PutItem",
    resource: ledgerArn,
    message: verifiedEvent,
    isDone: (store) => hasRow(store, "MEASURED#"),
  },
])(
  "$name without $action fails by name, and works with its role as the template has it",
  async (permission) => {
    const { name, action, resource, message, isDone, prepare } = permission;
    await putRole(name, action);
    try {
      const store = await createTestStore(run);
      await prepare?.(store);
      const refused = batchOf(run, name, [message(store)]);
      expect(await run.invoke(name, refused)).toEqual(failuresOf(refused, 0));

      const [failure] = run.seen.logsOf(name, { messageId: refused.Records[0]?.messageId, level: "ERROR" });
      const said = JSON.stringify(failure?.error);
      expect(said).toContain("AccessDeniedException");
      expect(said).toContain(`/keyturn-test-${name} is not authorized to perform: ${action} `);
      expect(said).toMatch(resource(store));
      expect(await isDone(store)).toBe(false);
    } finally {
      await putRole(name);
    }
    const store = await createTestStore(run);
    await prepare?.(store);
    const allowed = batchOf(run, name, [message(store)]);
    expect(await run.invoke(name, allowed)).toEqual(failuresOf(allowed));
    await eventually(async () => expect(await isDone(store)).toBe(true));
  },
);

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
  expect(dropped).toContain(arn("events", `rule/keyturn-${STRANGER}`));

  // What is sent after it comes alone.
  const QueueUrl = await queueUrlOf(run, "measure");
  await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "marker" }));
  const invalid = () =>
    seen
      .logsOf("measure")
      .flatMap(({ error }) => (error?.name === "InvalidMessageError" ? [error.message] : []));
  await eventually(() => expect(invalid()).toEqual(["Message is not JSON"]));
});
