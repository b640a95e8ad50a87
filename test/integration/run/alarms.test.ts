import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { CreateSecretCommand } from "@aws-sdk/client-secrets-manager";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAwsEvent } from "../../../local/aws/events/aws-event.ts";
import { scheduledEvent } from "../../../local/aws/events/scheduled-event.ts";
import { topicKey } from "../../../shared/contract/topics.ts";
import { eventually, FUNCTIONS, packagedStack, startTestRun, type TestRun } from "./local-run.ts";
import { hastenRetries, queueUrlOf } from "./operator-view.ts";
import { batchOf } from "./sqs-event.ts";
import { createTestStore } from "./store.ts";

const QUEUES = ["notify", "verify", "redeploy", "deployments", "measure", "reports", "reconcile"] as const;

interface Template {
  readonly Resources: Readonly<
    Record<string, { readonly Type: string; readonly Properties: Record<string, unknown> }>
  >;
}

/** The stack, with alarms that wait for as little as a test can: one datapoint, and a message of more than no seconds. */
function impatient(change: (id: string, resource: Template["Resources"][string]) => boolean = () => true) {
  const packaged = packagedStack();
  const template = structuredClone(packaged.template) as Template;
  const kept = Object.entries(template.Resources).filter(([id, resource]) => {
    if (id.endsWith("QueueAgeAlarm")) Object.assign(resource.Properties, { Threshold: 0 });
    if (id.endsWith("ThrottlesAlarm"))
      Object.assign(resource.Properties, { EvaluationPeriods: 1, DatapointsToAlarm: 1 });
    return change(id, resource);
  });
  return { ...packaged, template: { ...template, Resources: Object.fromEntries(kept) } };
}

/** Alarms that went off in any of the runs, without the stack's name in front. */
const wentOff = new Set<string>();
const follow = (run: TestRun) =>
  run.events.on("alarm", ({ name, state }) => {
    if (state === "ALARM") wentOff.add(name.replace(`keyturn-${run.stage}-`, ""));
  });
const goesOff = (...names: readonly string[]) =>
  eventually(() => expect(names.filter((name) => !wentOff.has(name))).toEqual([]));

const events = new URL("../../../events/", import.meta.url);
const sample = (path: string) => JSON.parse(readFileSync(new URL(path, events), "utf8"));

describe("where nothing runs and nothing is let in", () => {
  let run: TestRun;
  beforeAll(async () => {
    const packaged = impatient((_, { Type, Properties }) => {
      if (Type === "AWS::Lambda::Function") Object.assign(Properties, { ReservedConcurrentExecutions: 0 });
      return Type !== "AWS::SQS::QueuePolicy";
    });
    run = await startTestRun({ packaged });
    follow(run);
  });
  afterAll(() => run?.stop());

  test("every queue's age, every function's throttles and every dead-letter queue raise an alarm", async () => {
    for (const queue of QUEUES) {
      await hastenRetries(run, queue, 2);
      const QueueUrl = await queueUrlOf(run, queue);
      await run.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "{}", DelaySeconds: 0 }));
    }
    await goesOff(
      ...QUEUES.flatMap((queue) => [`${queue}-queue-age`, `${queue}-dead-letters`]),
      ...FUNCTIONS.map((name) => `${name}-throttles`),
    );
  });

  test.each([
    ["secret-label-updated", "sources/secret-label-updated.json"],
    ["rotation-succeeded", "sources/rotation-succeeded.json"],
    ["secret-api-call", "sources/put-secret-value.json"],
    ["credential-rotated", "sources/credential-rotated.json"],
    ["credentials-reset", "sources/db-instance-credentials-reset.json"],
    ["parameter-changed", "sources/parameter-updated.json"],
    ["rotation-attempt", "attempts/rotation-failed.json"],
    ["deployment-ended", "deployments/deployment-failed.json"],
  ])("an event that the rule %s cannot deliver raises its alarm", async (rule, path) => {
    await run.sendEvent(sample(path));
    await goesOff(`${rule}-failed-invocations`);
  });

  test("so do those of the rules for Keyturn's own events, and for the hour", async () => {
    const ours = (file: string) => ({ ...sample(file), source: run.eventSource });
    await run.sendEvent(ours("domain/redeploy-deferred.json"));
    const verified = ours("domain/credential-verified.json");
    await run.sendEvent({ ...verified, detail: { ...verified.detail, previousVerdict: "unreachable" } });
    await run.sendEvent({ ...ours("domain/rotation-missed.json"), "detail-type": "Reconcile Continued" });
    await run.sendEvent(scheduledEvent(run.place, `keyturn-${run.stage}-reconcile`, new Date()));
    await goesOff(
      "domain-events-failed-invocations",
      "redeploy-deferred-failed-invocations",
      "credential-verified-later-failed-invocations",
      "reconcile-continued-failed-invocations",
      "reconcile-failed-invocations",
    );
  });
});

describe("while the pipeline runs", () => {
  let run: TestRun;
  beforeAll(async () => {
    run = await startTestRun();
    follow(run);
  });
  afterAll(() => run?.stop());

  /** What a handler says of itself; the handlers' own tests bring each about. */
  async function tell(name: string, detail: object = {}): Promise<void> {
    const { "detail-type": DetailType, detail: told } = sample(`domain/${name}.json`);
    const Detail = JSON.stringify({ ...told, ...detail });
    const Entries = [{ Source: run.eventSource, DetailType, Detail }];
    await run.clients.eventBridge.send(new PutEventsCommand({ Entries }));
  }

  test.each(FUNCTIONS)("an invocation of %s that fails as a whole raises its alarm", async (name) => {
    await expect(run.invoke(name, { Records: "none" })).rejects.toThrow();
    await goesOff(`${name}-errors`);
  });

  test.each(
    readdirSync(new URL("attempts/", events))
      .map((file) => file.replace(".json", ""))
      .filter((name) => /failed|abandoned/.test(name)),
  )("CloudTrail's event of %s raises its alarm", async (name) => {
    await run.sendEvent(sample(`attempts/${name}.json`));
    await goesOff(name);
  });

  test("a sign that leads to no secret raises an alarm", async () => {
    const detail = {
      EventID: "RDS-EVENT-0016",
      SourceArn: "arn:aws:rds:us-east-1:000000000000:db:unmanaged",
    };
    const reset = { source: "aws.rds", detailType: "RDS DB Instance Event", detail };
    await run.sendEvent(createAwsEvent(run.place, reset, new Date()));
    await goesOff("sign-dropped");
  });

  test("a credential that the store refuses, and one that cannot be tried, raise an alarm", async () => {
    const store = await createTestStore(run);
    await store.rotate("password-never-set");
    const SecretString = JSON.stringify({ engine: "mysql", username: "orders", password: "first-EXAMPLE" });
    await run.clients.secrets.send(new CreateSecretCommand({ Name: "test/nowhere", SecretString }));
    await goesOff("credential-rejected", "credential-unverifiable");
  });

  test("an instance that is slow, and one that is refused, raise an alarm", async () => {
    const { secretArn, firstVersionId: versionId } = await createTestStore(run);
    const who = { v: 1, secretArn, versionId, service: "orders-api", timings: {}, trigger: "notice" };
    const cameOn = { topicKey: topicKey(secretArn) };
    const now = Date.now();
    const reports = [
      { outcome: "swapped", currentSince: new Date(now - 6_000).toISOString() },
      { outcome: "rejected", reason: { code: "28P01", message: "refused" } },
    ].map((what) => ({
      ...who,
      ...cameOn,
      ...what,
      instanceId: randomUUID(),
      occurredAt: new Date(now).toISOString(),
    }));
    await run.invoke("acknowledge", batchOf(run, "acknowledge", reports));
    await goesOff("adoption-latency", "instance-rejected");
  });

  test.each([
    ["rotation-missed", "rotation-missed", {}],
    ["credential-unreachable", "credential-unreachable", {}],
    ["instance-silent", "instance-silent", {}],
    ["stale-instances", "adoption-checked", { stale: 1 }],
    ["stale-unmanaged", "stale-unmanaged", {}],
    ["redeploy-planned", "redeploy-planned", {}],
    ["redeploy-failed", "redeploy-failed", {}],
    ["redeploy-withheld", "redeploy-withheld", { reason: "deployment-controller" }],
    ["secret-pinned", "redeploy-withheld", { reason: "secret-pinned", versionId: randomUUID() }],
  ])("%s is raised by its event", async (alarm, event, detail) => {
    await tell(event, detail);
    await goesOff(alarm);
  });
});

test("no alarm of the template is left that no test has raised", () => {
  const { Resources } = packagedStack().template as Template;
  const alarms = Object.values(Resources).flatMap(({ Type, Properties }) =>
    Type === "AWS::CloudWatch::Alarm" ? [String(Properties.AlarmName).replace("keyturn-test-", "")] : [],
  );
  expect(alarms.filter((name) => !wentOff.has(name))).toEqual([]);
});
