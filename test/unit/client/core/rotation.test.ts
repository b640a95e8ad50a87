import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ChannelListener } from "../../../../client/src/core/channel.ts";
import { LoginBudget } from "../../../../client/src/core/login-gate.ts";
import { Rotation } from "../../../../client/src/core/rotation.ts";
import { Redacted } from "../../../../shared/engines/redacted.ts";

const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf";
const INTERVAL_MS = 300_000;
const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A rotation that has started on version 1 with its channel up. */
async function setUp() {
  let listener: ChannelListener | undefined;
  let reads = 0;
  let current = 1;
  const refused = new Set<string>();
  const source = {
    async readCurrent() {
      reads += 1;
      return { secretArn, versionId: String(current), labels: ["AWSCURRENT"], value: new Redacted("x") };
    },
    readVersion: async () => undefined,
  };
  const rotation = new Rotation<string>(
    {
      secretId: secretArn,
      channel: { url: "mqtt://broker", topicPrefix: "keyturn/test", auth: undefined },
      service: undefined,
      drainTimeoutMs: 30_000,
      authWaitMs: 30_000,
      maxLoginTries: 5,
      tryPending: false,
      refreshIntervalMs: INTERVAL_MS,
    },
    {
      source,
      createChannel: () => ({
        open(opened) {
          listener = opened;
          opened.subscribed();
        },
        publish() {},
        close: async () => undefined,
      }),
      instance: { instanceId: "host:1", service: "test" },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    },
    {
      driver: {
        connect: (_secret, versionId) => versionId,
        verify: async (versionId) => {
          if (refused.has(versionId)) throw new Error("refused");
        },
        retire: async () => undefined,
        inUse: () => 0,
        close: () => undefined,
        refusal: () => ({ code: "28P01", message: "no" }),
      },
      budget: new LoginBudget(5),
    },
  );
  const events: string[] = [];
  rotation.events.on("degraded", ({ reason }) => events.push(`degraded: ${reason}`));
  rotation.events.on("recovered", () => events.push("recovered"));
  await rotation.start();
  if (!listener) throw new Error("The channel was not opened");
  const readsIn = async (ms: number) => {
    const before = reads;
    await vi.advanceTimersByTimeAsync(ms);
    return reads - before;
  };
  const rotate = (versionId: number) => {
    current = versionId;
  };
  return { rotation, listener, events, readsIn, rotate, refused };
}

test("the poll is hourly while the channel is up", async () => {
  const { rotation, readsIn } = await setUp();
  expect(await readsIn(HOUR_MS * 0.85)).toBe(0);
  expect(await readsIn(HOUR_MS * 0.15)).toBe(1);
  await rotation.end();
});

test("while the channel is down the poll is at the interval, and hourly again when it is back", async () => {
  const { rotation, listener, events, readsIn } = await setUp();
  listener.lost("Connection closed");
  expect(rotation.channel).toBe("down");
  expect(await readsIn(INTERVAL_MS)).toBe(1);
  const heardAt = readsIn(0);
  listener.subscribed();
  expect(await heardAt).toBe(1);
  expect(rotation.channel).toBe("up");
  expect(await readsIn(HOUR_MS * 0.85)).toBe(0);
  expect(events).toEqual(["degraded: Connection closed", "recovered"]);
  await rotation.end();
});

test("a version that was refused is polled for at the interval, whatever the channel does", async () => {
  const { rotation, readsIn, rotate, refused } = await setUp();
  refused.add("2");
  rotate(2);
  await rotation.loginRefused();
  expect(rotation.versionId).toBe("1");
  expect(await readsIn(INTERVAL_MS)).toBeGreaterThan(0);
  refused.clear();
  await readsIn(INTERVAL_MS);
  expect(rotation.versionId).toBe("2");
  expect(await readsIn(HOUR_MS * 0.85)).toBe(0);
  await rotation.end();
});

test("nothing is polled after the end", async () => {
  const { rotation, listener, readsIn } = await setUp();
  await rotation.end();
  listener.lost("Connection closed");
  expect(await readsIn(2 * HOUR_MS)).toBe(0);
});
