import { once } from "node:events";
import { connect } from "node:net";
import { connectAsync, type MqttClient } from "mqtt";
import { afterEach, expect, test, vi } from "vitest";
import { type BrokerOptions, type LocalBroker, startBroker } from "../../../../local/stores/broker.ts";

const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options?: BrokerOptions): Promise<LocalBroker> {
  const broker = await startBroker(options);
  cleanups.push(() => broker.stop());
  return broker;
}

async function join(url: string, topic: string): Promise<{ client: MqttClient; received: string[] }> {
  const client = await connectAsync(url, { reconnectPeriod: 20 });
  client.on("error", () => {});
  cleanups.push(() => client.endAsync(true));
  const received: string[] = [];
  client.on("message", (_topic, payload) => received.push(payload.toString()));
  await client.subscribeAsync(topic, { qos: 1 });
  return { client, received };
}

test("gives a late joiner the retained message, and no other", async () => {
  const broker = await start();
  await broker.publish("a/notices/one", "passing", { qos: 1 });
  await broker.publish("a/notices/one", "kept", { qos: 1, retain: true });
  const { received } = await join(broker.url, "a/notices/one");
  await vi.waitFor(() => expect(received).toEqual(["kept"]));
});

test("tells the listener what clients publish and what the run publishes, and nothing of the broker's own", async () => {
  const broker = await start();
  const heard: string[] = [];
  broker.onPublish((topic, payload) => heard.push(`${topic} ${payload}`));
  const { client } = await join(broker.url, "a/#");
  await client.publishAsync("a/reports/one", "from a client", { qos: 1 });
  await broker.publish("a/notices/one", "from the run");
  await vi.waitFor(() =>
    expect(heard).toEqual(["a/reports/one from a client", "a/notices/one from the run"]),
  );
});

test("clients come back to a broker that starts again on the same port, without what the first one kept", async () => {
  const first = await start();
  await first.publish("a/one", "kept by the first", { retain: true });
  const { client, received } = await join(first.url, "a/one");
  await vi.waitFor(() => expect(received).toEqual(["kept by the first"]));
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  await first.stop();
  await closed;

  const second = await start({ port: Number(new URL(first.url).port) });
  await new Promise<void>((resolve) => client.once("connect", () => resolve()));
  // Retained, since the client subscribes again only after it has connected.
  await second.publish("a/one", "new", { retain: true });

  await vi.waitFor(() => expect(received).toEqual(["kept by the first", "new"]));
});

test("stops although a connection never spoke MQTT", async () => {
  const broker = await start();
  const socket = connect(Number(new URL(broker.url).port), "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  const closed = once(socket, "close");
  await broker.stop();
  await closed;
});
