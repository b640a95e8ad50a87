import { once } from "node:events";
import { type HrTime, SpanStatusCode, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { expect, test, vi } from "vitest";
import { DependencyError, type RotatingPool } from "../../../client/src/pg.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";
import { type PostgresScene, setUpPostgres } from "./postgres-scene.ts";
import { TOPIC_PREFIX } from "./scene.ts";
import { setUpTelemetry } from "./telemetry-sdk.ts";

const stage = setUpPostgres();
const { begin } = stage;
const telemetry = setUpTelemetry();

const TRACE_ID = "5759e988bd862e3fe1be46a994272793";
const NOTICE_SPAN_ID = "53995c3f42cd8ad8";
const TRACEPARENT = `00-${TRACE_ID}-${NOTICE_SPAN_ID}-01`;

interface Told {
  readonly until?: "swapped" | "rejected";
  readonly traceparent?: string | undefined;
}

/** Makes a version current and sends a notice that belongs to a trace; resolves when the pool has dealt with it. */
async function follow(
  { secret }: PostgresScene,
  pool: RotatingPool,
  versionId: string,
  { until = "swapped", ...trace }: Told = {},
): Promise<void> {
  const done = once(pool, until);
  secret.promote(versionId);
  const now = new Date().toISOString();
  const notice = {
    v: 1,
    kind: "credential-rotated",
    secretArn: secret.arn,
    versionId,
    currentSince: now,
    noticedAt: now,
    traceparent: TRACEPARENT,
    ...trace,
  };
  await stage.broker.publish(noticeTopic(TOPIC_PREFIX, secret.arn), JSON.stringify(notice), { qos: 1 });
  await done;
}

const named = (name: string) => telemetry.spans().filter((span) => span.name === name);
const find = (name: string): ReadableSpan => {
  const [span] = named(name);
  if (!span) throw new Error(`There is no span ${name}`);
  return span;
};
const idOf = (span: ReadableSpan) => span.spanContext().spanId;
const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;
const millis = ([seconds, nanos]: HrTime) => seconds * 1_000 + nanos / 1e6;

test("a rotation goes on with the notice's trace, with a span for each step", async () => {
  const scene = await begin("traced");
  const pool = await scene.open();
  const held = await pool.connect();
  const drained = once(pool, "drained");
  const versionId = await scene.changePassword("second-EXAMPLE");
  await follow(scene, pool, versionId);
  held.release();
  await drained;
  await vi.waitFor(() => expect(telemetry.spans()).toHaveLength(6));

  const rotation = find("keyturn.rotation");
  expect(rotation.spanContext().traceId).toBe(TRACE_ID);
  expect(parentOf(rotation)).toBe(NOTICE_SPAN_ID);
  expect(rotation.attributes).toEqual({
    "keyturn.secret.name": "test/traced",
    "keyturn.version.id": versionId,
    "keyturn.trigger": "notice",
    "keyturn.outcome": "swapped",
    "keyturn.current_since": expect.stringMatching(/Z$/),
  });
  const steps = ["fetch", "verify", "warm-up", "swap", "drain"].map((step) => find(`keyturn.${step}`));
  for (const step of steps) expect(parentOf(step), step.name).toBe(idOf(rotation));
  for (const [n, step] of steps.entries()) {
    const before = steps[n - 1];
    if (before && step.name !== "keyturn.drain") {
      expect(millis(step.startTime), step.name).toBeGreaterThanOrEqual(millis(before.endTime) - 1);
    }
    expect(millis(step.startTime), step.name).toBeGreaterThanOrEqual(millis(rotation.startTime));
  }
  // The rotation is done at the swap; the drain takes as long as somebody holds on.
  expect(millis(find("keyturn.drain").endTime)).toBeGreaterThan(millis(rotation.endTime));
});

test("what a step calls comes under its span: reads under fetch, queries under verify", async () => {
  const scene = await begin("nested");
  const tracer = trace.getTracer("a driver");
  const traced = (name: string) => tracer.startSpan(name).end();
  const readVersion = scene.secret.readVersion.bind(scene.secret);
  const pool = await scene.open({ verify: async () => traced("query") });
  scene.secret.readVersion = async (...args) => {
    traced("read");
    return readVersion(...args);
  };
  await follow(scene, pool, await scene.changePassword("second-EXAMPLE"));
  expect(parentOf(find("read"))).toBe(idOf(find("keyturn.fetch")));
  expect(named("query").map(parentOf)).toEqual([undefined, idOf(find("keyturn.verify"))]);
});

test("a rotation that nobody told of is a trace of its own, whatever made us look", async () => {
  const scene = await begin("untold");
  const pool = await scene.open({ channelUrl: undefined, topicPrefix: undefined, idleTimeoutMillis: 1 });
  scene.secret.promote(await scene.changePassword("second-EXAMPLE"));
  await trace.getTracer("an application").startActiveSpan("request", async (request) => {
    await vi.waitFor(() => expect(pool.totalCount).toBe(0));
    await pool.query("select 1");
    request.end();
  });
  const rotation = find("keyturn.rotation");
  expect(parentOf(rotation)).toBeUndefined();
  expect(rotation.spanContext().traceId).not.toBe(find("request").spanContext().traceId);
  expect(rotation.attributes).toMatchObject({
    "keyturn.trigger": "login-failure",
    "keyturn.outcome": "swapped",
  });
  const fetch = find("keyturn.fetch");
  expect(parentOf(fetch)).toBe(idOf(rotation));
  expect(millis(fetch.endTime)).toBeLessThanOrEqual(millis(find("keyturn.verify").startTime) + 1);
});

test("a refused credential is an error by its code, without the store's words", async () => {
  const scene = await begin("refused");
  const pool = await scene.open();
  const bad = scene.stage("wrong-EXAMPLE");
  await follow(scene, pool, bad, { until: "rejected" });
  for (const span of [find("keyturn.rotation"), find("keyturn.verify")]) {
    expect(span.status, span.name).toEqual({ code: SpanStatusCode.ERROR, message: "28P01" });
    expect(span.attributes["error.type"], span.name).toBe("28P01");
    expect(span.events, span.name).toEqual([]);
  }
  expect(find("keyturn.rotation").attributes["keyturn.outcome"]).toBe("rejected");
  expect(named("keyturn.swap")).toEqual([]);
});

test("a secret that could not be read is a failed try; the next one belongs to the notice's trace too", async () => {
  const scene = await begin("unread");
  const pool = await scene.open();
  const readVersion = scene.secret.readVersion.bind(scene.secret);
  scene.secret.readVersion = () => {
    scene.secret.readVersion = readVersion;
    return Promise.reject(new DependencyError("Secrets Manager is away"));
  };
  await follow(scene, pool, await scene.changePassword("second-EXAMPLE"));
  const tries = named("keyturn.rotation");
  expect(tries.map(({ attributes }) => attributes["keyturn.outcome"])).toEqual(["failed", "swapped"]);
  expect(tries.map((span) => span.spanContext().traceId)).toEqual([TRACE_ID, TRACE_ID]);
  const { code } = new DependencyError("");
  expect(tries[0]?.status).toEqual({ code: SpanStatusCode.ERROR, message: code });
});

test("start, and looks that find nothing new, leave no trace", async () => {
  const scene = await begin("quiet");
  const pool = await scene.open({ refreshIntervalMs: 5, channelUrl: undefined, topicPrefix: undefined });
  const readsBefore = scene.secret.reads;
  await vi.waitFor(() => expect(scene.secret.reads).toBeGreaterThan(readsBefore + 3));
  await pool.query("select 1");
  expect(telemetry.spans()).toEqual([]);
});

test.each([
  ["names no trace", undefined],
  ["names a trace that cannot be", `00-${"0".repeat(32)}-${NOTICE_SPAN_ID}-01`],
])("a notice that %s begins one", async (_, traceparent) => {
  const scene = await begin(`begins_${traceparent === undefined ? "anew" : "nonetheless"}`);
  await follow(scene, await scene.open(), await scene.changePassword("second-EXAMPLE"), { traceparent });
  expect(parentOf(find("keyturn.rotation"))).toBeUndefined();
});

test("a notice of a trace that is not recorded leaves none", async () => {
  const scene = await begin("unsampled");
  const traceparent = `00-${TRACE_ID}-${NOTICE_SPAN_ID}-00`;
  await follow(scene, await scene.open(), await scene.changePassword("second-EXAMPLE"), { traceparent });
  expect(telemetry.spans()).toEqual([]);
});
