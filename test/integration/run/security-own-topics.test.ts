import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noticeTopic, reportTopic, topicKey } from "../../../shared/contract/topics.ts";
import { eventually, startTestRun, type TestRun } from "./local-run.ts";
import { readLedger } from "./operator-view.ts";
import { type StolenCredentials, stealCredentials } from "./stolen-credentials.ts";
import { createTestStore, type TestStore } from "./store.ts";

let run: TestRun;
let own: TestStore;
beforeAll(async () => {
  run = await startTestRun();
  own = await createTestStore(run);
});
afterAll(() => run?.stop());

describe("whoever has stolen the keys of a service that may use the topics of its own secret alone", () => {
  let narrow: StolenCredentials;
  beforeAll(async () => {
    const { accountId, region } = run.place;
    const arn = (resource: string) => `arn:aws:iot:${region}:${accountId}:${resource}`;
    const [notices, reports] = [noticeTopic, reportTopic].map((topic) =>
      topic(run.topicPrefix, own.secretArn),
    );
    narrow = await stealCredentials(run, own.secretArn, [
      { Effect: "Allow", Action: "iot:Connect", Resource: arn("client/keyturn-*") },
      { Effect: "Allow", Action: "iot:Subscribe", Resource: arn(`topicfilter/${notices}`) },
      { Effect: "Allow", Action: "iot:Receive", Resource: arn(`topic/${notices}`) },
      { Effect: "Allow", Action: "iot:Publish", Resource: arn(`topic/${reports}`) },
    ]);
  });

  test("cannot publish on the topic of another secret: the connection closes", async () => {
    const other = await createTestStore(run);
    const intruder = await narrow.connect();
    const closed = new Promise<void>((resolve) => intruder.once("close", () => resolve()));
    intruder.on("error", () => {});
    intruder.publish(reportTopic(run.topicPrefix, other.secretArn), "{}", { qos: 1 });
    await closed;
  });

  test("publishes what is no report to nobody's harm: the rule cannot read it, and the run goes on", async () => {
    const [sender, topic] = [await narrow.connect(), reportTopic(run.topicPrefix, own.secretArn)];
    await sender.publishAsync(topic, "no JSON", { qos: 1 });
    await eventually(() => expect(run.seen.unreadable.join()).toContain("no JSON"));
    expect(run.seen.reports).toEqual([]);
    await sender.endAsync();
  });

  test("cannot report for another secret on the topic of its own: the report is refused", async () => {
    const other = await createTestStore(run);
    const [forger, topic] = [await narrow.connect(), reportTopic(run.topicPrefix, own.secretArn)];
    const { firstVersionId: versionId, secretArn } = other;
    const report = { v: 1, versionId, outcome: "swapped", trigger: "poll", timings: {}, service: "forged" };
    const publish = (fields: object) =>
      forger.publishAsync(
        topic,
        JSON.stringify({ ...report, occurredAt: new Date().toISOString(), ...fields }),
        { qos: 1 },
      );
    await publish({ secretArn, instanceId: "claims-topic", topicKey: topicKey(secretArn) });
    await publish({ secretArn, instanceId: "forged" });
    const refused = () => run.seen.logsOf("acknowledge", { level: "ERROR", receiveCount: 1 });
    await eventually(() =>
      expect(refused().map(({ error }) => error?.message)).toContainEqual(
        expect.stringContaining("may not report for that secret"),
      ),
    );
    // One of its own comes after both, and alone.
    const mine = { secretArn: own.secretArn, instanceId: "own", versionId: own.firstVersionId };
    await publish(mine);
    await eventually(() =>
      expect(
        run.seen.logsOf("acknowledge", { secretArn: own.secretArn, message: "Message handled" }),
      ).not.toEqual([]),
    );
    const rows = await readLedger(run, secretArn);
    expect(rows.filter(({ sk }) => sk.startsWith("INSTANCE#"))).toEqual([]);
    await forger.endAsync();
  });
});
