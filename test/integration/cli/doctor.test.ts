import { randomUUID } from "node:crypto";
import { PurgeQueueCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { FUNCTIONS, QUEUES, ROLES, RULE_QUEUES, stageNames } from "../../../cli/src/place/stage-names.ts";
import { eventually, startTestRun, type TestRun } from "../run/local-run.ts";
import { hastenRetries, queueUrlOf } from "../run/operator-view.ts";
import { createTestStore, type TestStore } from "../run/store.ts";
import { type Keyturn, useKeyturn } from "./keyturn.ts";

let run: TestRun;
let keyturn: Keyturn;
beforeAll(async () => {
  run = await startTestRun();
  keyturn = await useKeyturn(run);
});
afterAll(async () => {
  await keyturn?.dispose();
  await run?.stop();
});

/** A secret whose first version is verified. */
async function verifiedStore(): Promise<TestStore> {
  const store = await createTestStore(run);
  await eventually(async () => {
    const { document } = await keyturn.json("status", store.secretName, "--local");
    expect(document.verdict).toBe("accepted");
  });
  return store;
}

test("knows every queue, rule, function and role of the template by its name, and no other", () => {
  const { stage, template } = inject("packagedStack");
  const names = stageNames(stage);
  const { Resources } = template as {
    Resources: Record<string, { Type: string; Properties?: Record<string, unknown> }>;
  };
  const named = (type: string, property: string) =>
    Object.values(Resources)
      .filter(({ Type }) => Type === type)
      .map(({ Properties }) => Properties?.[property])
      .toSorted();
  expect(named("AWS::SQS::Queue", "QueueName")).toEqual(
    QUEUES.flatMap((queue) => [names.queue(queue), names.deadLetters(queue)]).toSorted(),
  );
  expect(named("AWS::DynamoDB::Table", "TableName")).toEqual([names.ledgerTable]);
  expect(named("AWS::Events::Rule", "Name")).toEqual(
    Object.keys(RULE_QUEUES)
      .map((rule) => `${names.stack}-${rule}`)
      .toSorted(),
  );
  expect(named("AWS::Lambda::Function", "FunctionName")).toEqual(FUNCTIONS.map(names.function).toSorted());
  const roles = Object.entries(Resources).filter(([, { Type }]) => Type === "AWS::IAM::Role");
  expect(roles.map(([id]) => id).toSorted()).toEqual([...ROLES].toSorted());
});

describe("replay and doctor", () => {
  test("doctor finds a sound stage well: an event arrives, and the broker takes the sign-in", async () => {
    await verifiedStore();
    const { exitCode, document } = await keyturn.json("doctor", "--local");
    expect(document.findings.filter(({ state }) => !["ok", "skipped"].includes(state))).toEqual([]);
    expect(exitCode).toBe(0);
    const stateOf = (check: string) => document.findings.find((finding) => finding.check === check)?.state;
    for (const check of ["event rules", "queues", "event delivery", "channel", "alarms"])
      expect(stateOf(check)).toBe("ok");
  });

  test("dead letters are shown with their reasons, sent back, and handled; doctor tells of those that are left", async () => {
    const store = await verifiedStore();
    await hastenRetries(run, "notify", 1);
    const QueueUrl = await queueUrlOf(run, "notify-dead-letters");
    const send = (MessageBody: string) =>
      run.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    const event = {
      version: "0",
      id: randomUUID(),
      "detail-type": "Secret Label Updated",
      source: "aws.secretsmanager",
      account: run.place.accountId,
      time: new Date().toISOString(),
      region: run.place.region,
      resources: [store.secretArn],
      detail: { name: store.secretName, labelUpdated: "AWSCURRENT", versionId: store.firstVersionId },
    };
    await send(JSON.stringify(event));
    await send("no JSON");

    const dryRun = await keyturn.json("replay", "notify", "--local", "--dry-run");
    expect(dryRun).toMatchObject({ exitCode: 0, document: { count: 2 } });
    expect(dryRun.document.shown).toHaveLength(2);
    expect(dryRun.document.shown).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ secretArn: store.secretArn, canSucceed: true }),
        expect.objectContaining({ reason: "Message is not JSON", canSucceed: false }),
      ]),
    );
    const unwell = await keyturn.run(["doctor", "--local"]);
    expect(unwell).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("keyturn replay notify --dry-run --stage test --local"),
    });

    const handledBefore = run.seen.logsOf("notify", {
      secretArn: store.secretArn,
      message: "Message handled",
    }).length;
    expect(await keyturn.json("replay", "keyturn-test-notify-dead-letters", "--local")).toMatchObject({
      exitCode: 0,
      document: { moved: 2 },
    });
    await eventually(() =>
      expect(
        run.seen.logsOf("notify", { secretArn: store.secretArn, message: "Message handled" }),
      ).toHaveLength(handledBefore + 1),
    );
    // What nobody can read is given up once more.
    await eventually(async () => {
      const { document } = await keyturn.json("replay", "notify", "--local", "--dry-run");
      expect(document).toMatchObject({ count: 1, shown: [{ reason: "Message is not JSON" }] });
    });
    await run.clients.sqs.send(new PurgeQueueCommand({ QueueUrl }));
    const empty = await keyturn.run(["replay", "notify", "--local"]);
    expect(empty).toMatchObject({ exitCode: 0, stdout: "keyturn-test-notify-dead-letters is empty.\n" });
  });
});
