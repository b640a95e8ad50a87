import { expect, test, vi } from "vitest";
import { createMqttChannel } from "../../../client/src/channels/mqtt.ts";
import type { Report } from "../../../shared/contract/report.ts";
import { startDenyingBroker, startReportDenyingBroker } from "./broker-stand-ins.ts";

const PATIENT = { timeout: 40_000 };
const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:test/reports-AbCdEf";
const report: Report = {
  v: 1,
  secretArn,
  versionId: "00000000-0000-4000-8000-000000000001",
  instanceId: "host:1",
  service: "test",
  outcome: "swapped",
  trigger: "start",
  occurredAt: new Date(0).toISOString(),
  timings: {},
};

function open(url: string) {
  const heard = { subscribed: 0, lost: [] as string[], warnings: [] as string[] };
  const warn = (fields: object, message: string) => {
    heard.warnings.push(`${message}: ${"reason" in fields ? fields.reason : ""}`);
  };
  const channel = createMqttChannel({
    url,
    topicPrefix: "keyturn/test",
    secretArn,
    allowExitOnIdle: false,
    logger: { debug() {}, info() {}, warn, error() {} },
  });
  channel.open({
    noticed: () => undefined,
    subscribed: () => {
      heard.subscribed += 1;
      channel.publish(report);
    },
    lost: (reason) => heard.lost.push(reason),
  });
  return { channel, heard };
}

test("a report that nobody acknowledges does not stand before the next subscription", async () => {
  const broker = await startReportDenyingBroker("silence");
  const { channel, heard } = open(broker.url);
  await vi.waitFor(() => expect(broker.heard()).toEqual(["subscribe", "report"]), PATIENT);
  broker.cut();
  await vi.waitFor(() => expect(heard.subscribed).toBe(2), PATIENT);
  expect(broker.heard()[2]).toBe("subscribe");
  await channel.close();
  await broker.stop();
});

test("a policy that does not allow reports costs the reports, not the notices", async () => {
  const broker = await startReportDenyingBroker("closing");
  const { channel, heard } = open(broker.url);
  await vi.waitFor(() => expect(heard.warnings.join()).toContain("check iot:Publish"), PATIENT);
  const reports = () => broker.heard().filter((type) => type === "report").length;
  const sent = reports();
  const { subscribed } = heard;
  await vi.waitFor(() => expect(heard.subscribed).toBeGreaterThan(subscribed), PATIENT);
  expect(reports()).toBe(sent);
  await channel.close();
  await broker.stop();
});

test("subscriptions that do not last are told of from the second on, and warned of once", async () => {
  const broker = await startReportDenyingBroker("silence");
  const { channel, heard } = open(broker.url);
  for (let n = 1; n <= 3; n += 1) {
    await vi.waitFor(() => expect(heard.subscribed).toBe(n), PATIENT);
    broker.cut();
  }
  await vi.waitFor(() => expect(heard.lost.length).toBeGreaterThan(1), PATIENT);
  expect(heard.warnings.filter((text) => text.startsWith("No subscription"))).toHaveLength(1);
  await channel.close();
  await broker.stop();
});

test("a broker that never answers a subscription is given up and tried again", async () => {
  const broker = await startDenyingBroker("closing");
  const { channel, heard } = open(broker.url);
  await vi.waitFor(() => expect(broker.deniedAt.length).toBeGreaterThan(1), PATIENT);
  expect(heard.lost).toHaveLength(1);
  await channel.close();
  await broker.stop();
});
