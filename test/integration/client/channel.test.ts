import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { createMqttChannel } from "../../../client/src/channels/mqtt.ts";
import { type LocalBroker, startBroker } from "../../../local/stores/broker.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";
import { startDenyingBroker, startFreezingRelay } from "./broker-stand-ins.ts";
import { type Database, startDatabase } from "./database.ts";
import { PostgresScene } from "./postgres-scene.ts";
import { TOPIC_PREFIX } from "./scene.ts";

let database: Database;
let broker: LocalBroker;
const scenes: PostgresScene[] = [];

beforeAll(async () => {
  database = await startDatabase();
});
afterEach(async () => {
  await Promise.all(scenes.splice(0).map((scene) => scene.end()));
  await broker?.stop();
});
afterAll(() => database.stop());

async function begin(name: string): Promise<PostgresScene> {
  broker = await startBroker();
  const scene = await new PostgresScene(database, name).begin();
  scene.useBroker(broker);
  scenes.push(scene);
  return scene;
}

test("a rotation while the broker was away is found when it is back, and adoption is told again", async () => {
  const scene = await begin("broker_away");
  const pool = await scene.open();
  await vi.waitFor(() => expect(scene.reports).toHaveLength(1));
  const port = Number(new URL(broker.url).port);
  await broker.stop();
  const versionId = await scene.changePassword("second-EXAMPLE");
  scene.secret.promote(versionId);

  broker = await startBroker({ port });
  scene.useBroker(broker);
  await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toEqual([]), { timeout: 5_000 });
  await vi.waitFor(() => expect(scene.reports.some((report) => report.versionId === versionId)).toBe(true), {
    timeout: 5_000,
  });
  await pool.query("select 1");

  const first = scene.reports[0];
  const repeated = scene.reports.filter(
    (report) => report.versionId === first?.versionId && report.trigger === "reconnect",
  );
  expect(repeated.map(({ occurredAt }) => occurredAt)).toEqual([first?.occurredAt]);
});

test("a report made while the broker was away arrives when it is back", async () => {
  const scene = await begin("report_queued");
  const pool = await scene.open();
  const port = Number(new URL(broker.url).port);
  await broker.stop();
  const versionId = await scene.changePassword("second-EXAMPLE");
  scene.secret.promote(versionId);
  await pool.query("select 1");

  broker = await startBroker({ port });
  scene.useBroker(broker);
  await vi.waitFor(() => expect(scene.outcomesOf(versionId)).toContain("swapped"), { timeout: 5_000 });
});

test("the retained notice of a version in use costs nothing", async () => {
  const scene = await begin("retained");
  await scene.announce(scene.secret.currentVersionId);
  const pool = await scene.open();
  await vi.waitFor(() => expect(scene.reports).toHaveLength(1));
  await pool.query("select 1");
  expect(scene.secret.reads).toBe(1);
  expect(scene.reports).toHaveLength(1);
});

test("notices that are invalid are ignored, and the next good one is followed", async () => {
  const scene = await begin("invalid_notice");
  const warnings: string[] = [];
  await scene.open({
    logger: { debug() {}, info() {}, error() {}, warn: (_fields, message) => warnings.push(message) },
  });
  const topic = noticeTopic(TOPIC_PREFIX, scene.secret.arn);
  await broker.publish(topic, "not json", { qos: 1 });
  await broker.publish(topic, JSON.stringify({ v: 2 }), { qos: 1 });
  await scene.rotate("second-EXAMPLE");
  expect(warnings).toEqual(["Invalid notice was ignored", "Invalid notice was ignored"]);
});

test("end() does not wait for a broker that has fallen silent", async () => {
  const scene = await begin("silent_broker");
  const relay = await startFreezingRelay(broker.url);
  try {
    const subscribed = await scene.open({ channelUrl: relay.url });
    await vi.waitFor(() => expect(scene.reports).toHaveLength(1));
    relay.freeze();
    const neverAnswered = await scene.open({ channelUrl: relay.url });
    await Promise.all([subscribed.end(), neverAnswered.end()]);
  } finally {
    await relay.stop();
  }
});

test.each(["closing", "failure code"] as const)(
  "a subscription that the broker denies by %s is told of once, and tried again with delays that may grow",
  async (by) => {
    const denying = await startDenyingBroker(by);
    const warnings: string[] = [];
    const lost: string[] = [];
    const delays: { inMs: number }[] = [];
    const channel = createMqttChannel({
      url: denying.url,
      topicPrefix: TOPIC_PREFIX,
      secretArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:test/denied-AbCdEf",
      allowExitOnIdle: false,
      logger: {
        debug() {},
        error() {},
        info: (fields) => "inMs" in fields && delays.push({ inMs: Number(fields.inMs) }),
        warn: (_fields, message) => warnings.push(message),
      },
    });
    try {
      channel.open({ noticed() {}, subscribed() {}, lost: (reason) => lost.push(reason) });
      await vi.waitFor(() => expect(denying.deniedAt.length).toBeGreaterThanOrEqual(4), { timeout: 10_000 });
      // Jitter is full: each delay may be nothing, the ceiling of the next is twice as high.
      for (const [index, { inMs }] of delays.slice(0, 3).entries()) {
        expect(inMs).toBeLessThanOrEqual(1_000 * 2 ** index);
      }
      expect(lost).toHaveLength(1);
      expect(warnings).toEqual(["No subscription; check the broker and its policy. The poll goes on"]);
    } finally {
      await channel.close();
      await denying.stop();
    }
  },
);
