import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { SecretSource, SecretVersion } from "../../../client/src/core/secret-source.ts";
import {
  createRotatingResource,
  DependencyError,
  type ResourceDriver,
  type WatchSecretOptions,
  watchSecret,
} from "../../../client/src/index.ts";
import { type LocalBroker, startBroker } from "../../../local/stores/broker.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";
import { Redacted } from "../../../shared/engines/redacted.ts";

const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:payments/key-AbCdEf";
const versionId = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

let broker: LocalBroker;
const watched: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  broker = await startBroker();
});
afterEach(() => Promise.all(watched.splice(0).map((one) => one.close())));
afterAll(() => broker.stop());

/** A secret whose versions are the texts that it was given, in order. */
function createSecret(...texts: string[]): SecretSource & { rotate(text: string): Promise<void> } {
  const read = (n: number): SecretVersion | undefined => {
    const text = texts[n - 1];
    if (text === undefined) return undefined;
    const labels = n === texts.length ? ["AWSCURRENT"] : ["AWSPREVIOUS"];
    return { secretArn, versionId: versionId(n), labels, value: new Redacted(text) };
  };
  return {
    async readCurrent() {
      const current = read(texts.length);
      if (!current) throw new DependencyError("The secret has no version");
      return current;
    },
    readVersion: async (_id, wanted) => read(texts.findIndex((_, at) => versionId(at + 1) === wanted) + 1),
    async rotate(text) {
      texts.push(text);
      const at = new Date().toISOString();
      const notice = { v: 1, kind: "credential-rotated", secretArn, versionId: versionId(texts.length) };
      const payload = JSON.stringify({ ...notice, currentSince: at, noticedAt: at });
      await broker.publish(noticeTopic("keyturn/test", secretArn), payload, { qos: 1 });
    },
  };
}

const channel = () => ({ channelUrl: broker.url, topicPrefix: "keyturn/test", logger: silent });

async function watch<T>(
  secrets: SecretSource,
  options: WatchSecretOptions<T> & { readonly parse: (text: string) => T },
) {
  const one = await watchSecret(secretArn, { ...channel(), secrets, ...options });
  watched.push(one);
  return one;
}

test("a rotated API key is there at once, and does not show when it is printed", async () => {
  const secret = createSecret("key-1-EXAMPLE");
  const rotated: string[] = [];
  const key = await watchSecret(secretArn, {
    ...channel(),
    secrets: secret,
    onRotate: (current, previous) => {
      rotated.push(`${previous.value.reveal()} → ${current.value.reveal()}`);
    },
  });
  watched.push(key);
  expect(key.current.value.reveal()).toBe("key-1-EXAMPLE");
  await secret.rotate("key-2-EXAMPLE");
  await vi.waitFor(() => expect(rotated).toEqual(["key-1-EXAMPLE → key-2-EXAMPLE"]));
  expect(key.current).toMatchObject({ versionId: versionId(2) });
  expect(JSON.stringify(key.current)).not.toContain("EXAMPLE");
  expect(await key.health()).toMatchObject({ status: "ok", versionId: versionId(2), channel: "up" });
});

test("former signing keys stay valid for the grace period, the newest first", async () => {
  const secret = createSecret("a");
  const ring = await watch(secret, { parse: (text) => text, graceMs: 1_000 });
  const drained = new Promise((resolve) => ring.once("drained", resolve));
  await secret.rotate("b");
  await vi.waitFor(() => expect(ring.current.value).toBe("b"));
  await secret.rotate("c");
  await vi.waitFor(() => expect(ring.valid.map(({ value }) => value)).toEqual(["c", "b", "a"]));
  expect(await drained).toMatchObject({ versionId: versionId(1), cutOff: 0 });
  await vi.waitFor(() => expect(ring.valid.map(({ value }) => value)).toEqual(["c"]), { timeout: 3_000 });
});

test.each([
  ["cannot be parsed", "{", { parse: JSON.parse }],
  [
    "the service will not have",
    '{"key":"revoked"}',
    {
      parse: JSON.parse,
      verify: ({ key }: { key: string }) => {
        if (key === "revoked") throw new Error("401");
      },
    },
  ],
])("a value that %s keeps the one before", async (_what, text, options) => {
  const secret = createSecret('{"key":"good"}');
  const key = await watch(secret, options);
  const rejected = new Promise((resolve) => key.once("rejected", resolve));
  await secret.rotate(text);
  expect(await rejected).toMatchObject({ versionId: versionId(2), reason: { code: "SECRET_REFUSED" } });
  expect(key.current.value).toEqual({ key: "good" });
  expect((await key.health()).status).toBe("degraded");
});

test("a value that could not be tried is tried again", async () => {
  const secret = createSecret("good");
  let answers = 0;
  const key = await watch(secret, {
    parse: (text) => text,
    verify: (value) => {
      answers += 1;
      if (value === "new" && answers < 4) throw new DependencyError("The service did not answer");
    },
  });
  await secret.rotate("new");
  await vi.waitFor(() => expect(key.current.value).toBe("new"), { timeout: 5_000 });
});

test("what onRotate throws stops nothing", async () => {
  const secret = createSecret("a");
  const errors: string[] = [];
  const key = await watch(secret, {
    parse: (text) => text,
    logger: { ...silent, error: (_fields, message) => errors.push(message) },
    onRotate: () => Promise.reject(new Error("listener")),
  });
  await secret.rotate("b");
  await vi.waitFor(() => expect(errors).toEqual(["onRotate has failed"]));
  await secret.rotate("c");
  await vi.waitFor(() => expect(key.current.value).toBe("c"));
});

test("options that nobody knows are refused by name", async () => {
  const options = { secrets: createSecret("a"), gracePeriodMs: 5, refreshIntervalMs: 0 } as object;
  await expect(watchSecret("", options)).rejects.toMatchObject({
    problems: [
      expect.stringContaining("secretId"),
      expect.stringContaining("refreshIntervalMs"),
      expect.stringContaining("gracePeriodMs"),
    ],
  });
});

test("a store of one's own is followed by its driver", async () => {
  const secret = createSecret("first");
  const closed: string[] = [];
  const driver: ResourceDriver<{ name: string }> = {
    connect: (value) => ({ name: value.reveal() }),
    verify: async () => undefined,
    retire: async ({ name }) => void closed.push(name),
    inUse: () => 0,
    close: () => undefined,
    refusal: () => undefined,
  };
  const rotation = await createRotatingResource({
    secretId: secretArn,
    secrets: secret,
    driver,
    ...channel(),
  });
  expect(rotation.current.name).toBe("first");
  await secret.rotate("second");
  await vi.waitFor(() => expect(rotation.current.name).toBe("second"));
  await vi.waitFor(() => expect(closed).toEqual(["first"]));
  await rotation.end(async ({ name }) => void closed.push(name));
  expect(closed).toEqual(["first", "second"]);
});

test("a check that never answers keeps nothing from ending", async () => {
  const secret = createSecret("good");
  let hangs = false;
  const key = await watchSecret(secretArn, {
    ...channel(),
    secrets: secret,
    parse: (text: string) => text,
    verify: () => (hangs ? new Promise(() => {}) : undefined),
  });
  hangs = true;
  const detected = new Promise((resolve) => key.once("rotation-detected", resolve));
  await secret.rotate("next");
  await detected;
  await key.close();
  const start = watchSecret(secretArn, {
    ...channel(),
    secrets: secret,
    authWaitMs: 200,
    parse: (text: string) => text,
    verify: () => new Promise(() => {}),
  });
  await expect(start).rejects.toMatchObject({ code: "DEPENDENCY_FAILED" });
});

test("a driver of one's own that fails to retire or to end is logged or told, and leaves nothing open", async () => {
  const secret = createSecret("first");
  const errors: string[] = [];
  const driver: ResourceDriver<string> = {
    connect: (value) => value.reveal(),
    verify: async () => undefined,
    retire: () => Promise.reject(new Error("unbind")),
    inUse: () => 0,
    close: () => undefined,
    refusal: () => undefined,
  };
  const logger = { ...silent, error: (_fields: object, text: string) => errors.push(text) };
  const options = { ...channel(), secretId: secretArn, secrets: secret, driver, logger };
  const rotation = await createRotatingResource(options);
  const heard: string[] = [];
  rotation.events.on("swapped", () => heard.push("swapped"));
  rotation.events.on("drained", () => heard.push("drained"));
  rotation.events.on("login-refused", () => heard.push("login-refused"));
  await secret.rotate("second");
  await vi.waitFor(() => expect(heard).toEqual(["swapped", "drained"]));
  expect(errors).toEqual(["Retired pool did not close"]);
  await rotation.loginRefused();
  expect(heard.at(-1)).toBe("login-refused");
  await expect(rotation.end(() => Promise.reject(new Error("unbind")))).rejects.toThrow("unbind");
});
