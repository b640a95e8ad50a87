import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createSilentServer } from "node:net";
import { devNull } from "node:os";
import { expect, test, vi } from "vitest";
import type { AwsCredentials } from "../../../client/src/channels/sign-in.ts";
import {
  announce,
  FIRST,
  PATIENT,
  portsOf,
  type RoleCredentials,
  SECOND,
  setUpSignedChannels,
} from "./signed-channel.ts";

const { start, open } = setUpSignedChannels();

/** The endpoint by which ECS gives a task the credentials of its role: these, one after the other. */
async function startTaskCredentials(answers: readonly RoleCredentials[]) {
  const left = [...answers];
  const server = createServer((_request, response) => {
    const keys = left.length > 1 ? left.shift() : left[0];
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({
        AccessKeyId: keys?.accessKeyId,
        SecretAccessKey: keys?.secretAccessKey,
        Token: keys?.sessionToken,
        Expiration: new Date(Date.now() + 6 * 3_600_000).toISOString(),
      }),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The endpoint listens on no port");
  return {
    url: `http://127.0.0.1:${address.port}/credentials`,
    async stop() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

test("a broker that starts again is reached with a signature by the credentials of that moment", async () => {
  const { broker } = await start();
  broker.registerCaller(FIRST);
  const heard = open(broker.webSocketUrl, FIRST);
  await vi.waitFor(() => expect(heard.subscribed).toBe(1));
  heard.credentials = SECOND;
  await broker.stop();

  const next = await start(portsOf(broker));
  next.broker.registerCaller(SECOND);
  await vi.waitFor(() => expect(heard.subscribed).toBe(2), PATIENT);
  expect(next.refusals()).toEqual([]);
  await announce(next.broker, "00000000-0000-4000-8000-000000000002");
  await vi.waitFor(() => expect(heard.notices).toHaveLength(1));
});

test("a broker that closes each connection after some time is an ordinary reconnect, each signed anew", async () => {
  const { broker, refusals } = await start({ connectionLifetimeMs: 300 });
  let signed = 0;
  const heard = open(broker.webSocketUrl, FIRST, {
    credentials: async () => {
      signed += 1;
      // Whoever signed the last connect may not sign the next one.
      const keys = { ...FIRST, secretAccessKey: `number-${signed}-EXAMPLE` };
      broker.registerCaller(keys);
      return keys;
    },
  });
  await vi.waitFor(() => expect(heard.subscribed).toBe(2), PATIENT);
  expect(signed).toBeGreaterThanOrEqual(2);
  expect(refusals()).toEqual([]);
  expect(heard.lost).toEqual([]);
  expect(heard.warnings).toEqual([]);
});

test("at each reconnect the credentials of the task's role are read again", async () => {
  const { broker, refusals } = await start({ connectionLifetimeMs: 300 });
  const used = new Set<string>();
  for (const keys of [FIRST, SECOND]) {
    broker.registerCaller({ ...keys, authorize: () => used.add(keys.accessKeyId) });
  }
  const task = await startTaskCredentials([FIRST, SECOND]);
  vi.stubEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", task.url);
  for (const name of ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"]) {
    vi.stubEnv(name, undefined);
  }
  for (const name of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(name, devNull);
  try {
    const heard = open(broker.webSocketUrl, FIRST, { credentials: undefined });
    await vi.waitFor(() => expect(heard.subscribed).toBe(2), PATIENT);
    expect([...used]).toEqual([FIRST.accessKeyId, SECOND.accessKeyId]);
    expect(refusals()).toEqual([]);
    await heard.close();
  } finally {
    vi.unstubAllEnvs();
    await task.stop();
  }
});

test("an outage is told of once, and the next one once more", async () => {
  const { broker } = await start();
  broker.registerCaller(FIRST);
  const infos: string[] = [];
  const heard = open(broker.webSocketUrl, FIRST, {
    logger: { debug() {}, warn() {}, error() {}, info: (_fields, message) => infos.push(message) },
  });
  const reconnects = () => infos.filter((message) => message === "Channel is away; reconnecting").length;
  await vi.waitFor(() => expect(heard.subscribed).toBe(1));

  await broker.stop();
  await vi.waitFor(() => expect(reconnects()).toBeGreaterThanOrEqual(3), PATIENT);
  expect(heard.lost).toEqual([expect.stringContaining("ECONNREFUSED")]);

  const next = await start(portsOf(broker));
  next.broker.registerCaller(FIRST);
  await vi.waitFor(() => expect(heard.subscribed).toBe(2), PATIENT);
  const before = reconnects();
  await next.broker.stop();
  await vi.waitFor(() => expect(reconnects()).toBeGreaterThanOrEqual(before + 2), PATIENT);
  expect(heard.lost).toHaveLength(2);
});

test("a channel that is closed while its credentials are awaited never connects", async () => {
  const { broker, refusals } = await start();
  const provided = Promise.withResolvers<AwsCredentials>();
  let asked = false;
  const heard = open(broker.webSocketUrl, FIRST, {
    credentials: () => {
      asked = true;
      return provided.promise;
    },
  });
  await vi.waitFor(() => expect(asked).toBe(true));
  await heard.close();
  provided.resolve(FIRST);
  await provided.promise;
  // Only a connection of its own would make the broker's stop wait.
  await broker.stop();
  expect(refusals()).toEqual([]);
  expect(heard).toMatchObject({ subscribed: 0, lost: [] });
});

test("a channel whose broker never answers the handshake is closed without waiting for it", async () => {
  const silent = createSilentServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  if (address === null || typeof address === "string") throw new Error("The server listens on no port");
  const accepted = once(silent, "connection");
  const heard = open(`ws://127.0.0.1:${address.port}/mqtt`, FIRST);
  const [socket] = await accepted;
  const cut = once(socket.resume(), "close");
  await heard.close();
  await cut;
  silent.close();
  await once(silent, "close");
  expect(heard).toMatchObject({ subscribed: 0, lost: [] });
});
