import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { connectAsync, type MqttClient } from "mqtt";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { type BrokerOptions, type LocalBroker, startBroker } from "../../../../local/stores/broker.ts";

const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "first-EXAMPLE" };

const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options?: BrokerOptions): Promise<LocalBroker> {
  const broker = await startBroker(options);
  cleanups.push(() => broker.stop());
  return broker;
}

interface Signing {
  readonly service?: string;
  readonly region?: string;
  readonly query?: Record<string, string>;
  /** Changed after signing. */
  readonly tampered?: Record<string, string>;
}

async function sign(url: string, { tampered = {}, query = {}, ...scope }: Signing = {}): Promise<string> {
  const { protocol, host, hostname, pathname } = new URL(url);
  const place = { service: "iotdevicegateway", region: "us-east-1", ...scope };
  const signer = new SignatureV4({ ...place, credentials: KEYS, sha256: Sha256 });
  const request = { method: "GET", protocol, hostname, path: pathname, headers: { host }, query };
  const signed = await signer.presign(request, { expiresIn: 60 });
  const result = new URL(url);
  for (const [name, value] of Object.entries({ ...signed.query, ...tampered })) {
    result.searchParams.set(name, String(value));
  }
  return result.href;
}

/** What the broker answers to a WebSocket's handshake: 101 where it is taken. */
async function handshake(url: string): Promise<number> {
  const socket = new WebSocket(url, ["mqtt"]);
  cleanups.push(() => socket.terminate());
  socket.on("error", () => {});
  return new Promise((resolve) => {
    socket.once("open", () => resolve(101));
    socket.once("unexpected-response", (request, response) => {
      request.destroy();
      resolve(response.statusCode ?? 0);
    });
  });
}

async function join(broker: LocalBroker, clientId: string): Promise<MqttClient> {
  const url = await sign(broker.webSocketUrl);
  const client = await connectAsync(broker.webSocketUrl, {
    clientId,
    reconnectPeriod: 0,
    transformWsUrl: () => url,
  });
  client.on("error", () => {});
  cleanups.push(() => client.endAsync(true));
  return client;
}

test.each<[string, number, Signing]>([
  ["a signature for the broker's service and Region", 101, {}],
  ["one that covers more of the query", 101, { query: { client: "a b/c" } }],
  ["one for another service", 403, { service: "iotdata" }],
  ["one for another Region", 403, { region: "eu-west-1" }],
  ["a query that was added to later", 403, { tampered: { client: "x" } }],
  ["a time that was changed later", 403, { tampered: { "X-Amz-Expires": "86400" } }],
  ["no time at all", 403, { tampered: { "X-Amz-Date": "today" } }],
  ["no limit in time", 403, { tampered: { "X-Amz-Expires": "" } }],
  ["a session token that the keys do not have", 403, { tampered: { "X-Amz-Security-Token": "other" } }],
  ["a signature that is cut short", 403, { tampered: { "X-Amz-Signature": "abc" } }],
])("%s is answered by %i", async (_what, status, signing) => {
  const broker = await start();
  broker.registerCaller(KEYS);
  expect(await handshake(await sign(broker.webSocketUrl, signing))).toBe(status);
});

test("over WebSocket nobody comes in unsigned, nor by another path", async () => {
  const broker = await start();
  broker.registerCaller(KEYS);
  expect(await handshake(broker.webSocketUrl)).toBe(403);
  expect(await handshake(await sign(broker.webSocketUrl.replace("/mqtt", "/other")))).toBe(404);
  expect((await fetch(broker.webSocketUrl.replace("ws:", "http:"))).status).toBe(426);
});

test("a client does what its policies allow; what they do not closes the connection, or is left out", async () => {
  const asked: string[] = [];
  const allowed = new Set([
    "iot:Connect client/keyturn-1",
    "iot:Subscribe topicfilter/a/#",
    "iot:Receive topic/a/open",
    "iot:Publish topic/a/open",
    "iot:Publish topic/a/closed",
  ]);
  const log: string[] = [];
  const broker = await start({ log: (message) => log.push(message) });
  broker.registerCaller({
    ...KEYS,
    authorize: (action, resource) => {
      asked.push(`${action} ${resource}`);
      if (!allowed.has(`${action} ${resource}`)) throw new Error(`${action} is not allowed`);
    },
  });
  await expect(join(broker, "other-1")).rejects.toThrow("Not authorized");

  const client = await join(broker, "keyturn-1");
  const received: string[] = [];
  client.on("message", (topic) => received.push(topic));
  await client.subscribeAsync("a/#", { qos: 1 });
  await client.publishAsync("a/closed", "left out", { qos: 1 });
  await client.publishAsync("a/open", "received", { qos: 1 });
  await vi.waitFor(() => expect(received).toEqual(["a/open"]));
  expect(asked).toContain("iot:Receive topic/a/closed");

  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  client.publish("a/open", "kept", { qos: 1, retain: true });
  await closed;
  expect(log).toContain("MQTT client keyturn-1: iot:RetainPublish is not allowed");
});

test("the port for WebSocket may be given; where it is taken, nothing is left behind", async () => {
  const first = await start();
  const webSocketPort = Number(new URL(first.webSocketUrl).port);
  await expect(startBroker({ webSocketPort })).rejects.toThrow("EADDRINUSE");
  await first.stop();
  const second = await start({ webSocketPort });
  expect(second.webSocketUrl).toBe(first.webSocketUrl);
});
