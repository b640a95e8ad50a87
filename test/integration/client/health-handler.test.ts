import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import express from "express";
import fastify from "fastify";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createHealthHandler, type HealthHandler, type HealthResource } from "../../../client/src/health.ts";
import { ConfigError } from "../../../client/src/pg.ts";
import { setUpPostgres } from "./postgres-scene.ts";

const stage = setUpPostgres();
const { begin } = stage;

const closers: (() => Promise<unknown>)[] = [];
afterEach(() => Promise.all(closers.splice(0).map((close) => close())));

/** Serves on loopback until the end of the test; gives the URL. */
async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server listens on no port");
  return `http://127.0.0.1:${address.port}`;
}

const servePlain = (handler: HealthHandler) =>
  serve(async (request, response) => {
    if (await handler(request, response)) return;
    response.end("orders");
  });

const frameworks: Record<string, (handler: HealthHandler) => Promise<string>> = {
  "node:http": servePlain,
  Express: async (handler) => {
    const app = express();
    app.use(handler);
    app.use((_request, response) => void response.send("orders"));
    return serve(app);
  },
  Fastify: async (handler) => {
    const app = fastify();
    app.addHook("onRequest", async (request, reply) => {
      if (await handler(request.raw, reply.raw)) reply.hijack();
    });
    app.get("/*", async () => "orders");
    closers.push(() => app.close());
    return app.listen({ host: "127.0.0.1", port: 0 });
  },
};

const answering = (status: "ok" | "degraded" | "down"): HealthResource => ({
  health: async () => ({ status }),
});

describe.each(Object.entries(frameworks))("in %s", (_, start) => {
  test("is live, ready as the resources are, and leaves other paths to the application", async () => {
    const url = await start(createHealthHandler({ orders: answering("ok"), reports: answering("down") }));
    const live = await fetch(`${url}/health/live`);
    expect([live.status, await live.json()]).toEqual([200, { status: "ok" }]);
    const ready = await fetch(`${url}/health/ready?verbose`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { status: "down", resources: { orders: { status: "ok" }, reports: { status: "down" } } },
    ]);
    for (const path of ["/orders", "/health", "/health/ready/more"]) {
      const other = await fetch(`${url}${path}`);
      expect([other.status, await other.text()]).toEqual([200, "orders"]);
    }
  });

  test("answers HEAD without a body, and no other method", async () => {
    const url = await start(createHealthHandler(answering("ok")));
    const head = await fetch(`${url}/health/ready`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect(Number(head.headers.get("content-length"))).toBeGreaterThan(0);
    const post = await fetch(`${url}/health/live`, { method: "POST" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("is neither cached nor sniffed", async () => {
    const url = await start(createHealthHandler(answering("ok")));
    for (const path of ["live", "ready"]) {
      const { headers } = await fetch(`${url}/health/${path}`);
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-type")).toBe("application/json; charset=utf-8");
    }
  });
});

describe("of a pool on PostgreSQL", () => {
  test("tells version, channel and source, and neither secret nor host", async () => {
    const scene = await begin("healthy");
    const pool = await scene.open();
    const url = await servePlain(createHealthHandler({ orders: pool }));
    const first = await fetch(`${url}/health/ready`);
    const { currentVersionId: versionId } = scene.secret;
    const told = { versionId, channel: "up", source: "custom" };
    expect([first.status, await first.json()]).toEqual([
      200,
      { status: "ok", resources: { orders: { status: "ok", ...told } } },
    ]);

    const nextId = await scene.rotate("second-EXAMPLE");
    const text = await (await fetch(`${url}/health/ready`)).text();
    const { orders } = JSON.parse(text).resources;
    expect(orders).toMatchObject({ status: "ok", versionId: nextId });
    expect(Date.parse(orders.lastRotatedAt)).toBeLessThanOrEqual(Date.now());
    for (const secret of ["EXAMPLE", "127.0.0.1", "arn:", "000000000000", scene.user]) {
      expect(text).not.toContain(secret);
    }
  });

  test("is ready on the old credential where the new one is refused, and says so", async () => {
    const scene = await begin("refused");
    const pool = await scene.open();
    const url = await servePlain(createHealthHandler({ orders: pool }));
    const bad = scene.stage("wrong-EXAMPLE");
    await scene.announce(bad);
    await vi.waitFor(() => expect(scene.outcomesOf(bad)).toEqual(["rejected"]));
    const ready = await fetch(`${url}/health/ready`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({
      status: "degraded",
      resources: { orders: { status: "degraded", reason: "The newest version is not in use: 28P01" } },
    });
  });

  test("is live but not ready where the database is away", async () => {
    const scene = await begin("away");
    const pool = await scene.open();
    const url = await servePlain(createHealthHandler({ orders: pool }));
    await stage.store.cutOff();
    try {
      const ready = await fetch(`${url}/health/ready`);
      expect(ready.status).toBe(503);
      expect(await ready.json()).toMatchObject({
        resources: { orders: { status: "down", reason: "ECONNREFUSED" } },
      });
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
    } finally {
      await stage.store.restore();
    }
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  });
});

test("probes that come while one is under way share its check", async () => {
  const gate = Promise.withResolvers<void>();
  let checks = 0;
  const health = async () => {
    checks += 1;
    await gate.promise;
    return { status: "ok" as const };
  };
  let arrived = 0;
  const handler = createHealthHandler({ health });
  const url = await servePlain((request, response) => {
    arrived += 1;
    return handler(request, response);
  });
  const probes = Array.from({ length: 5 }, () => fetch(`${url}/health/ready`));
  await vi.waitFor(() => expect(arrived).toBe(5));
  gate.resolve();
  expect((await Promise.all(probes)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(checks).toBe(1);
  await fetch(`${url}/health/ready`);
  expect(checks).toBe(2);
});

test.each([
  ["never answers", () => new Promise<never>(() => undefined), "No answer within 50 ms"],
  ["throws", () => Promise.reject(new Error("host db.internal is away")), "The check has failed"],
  [
    "throws with a code",
    () => Promise.reject(Object.assign(new Error("db.internal"), { code: "ECONNRESET" })),
    "ECONNRESET",
  ],
])("a resource that %s is down", async (_, health, reason) => {
  const url = await servePlain(createHealthHandler({ orders: { health } }, { timeoutMs: 50 }));
  const ready = await fetch(`${url}/health/ready`);
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { status: "down", resources: { orders: { status: "down", reason } } },
  ]);
});

test("degraded is ready", async () => {
  const url = await servePlain(createHealthHandler({ a: answering("degraded"), b: answering("ok") }));
  const ready = await fetch(`${url}/health/ready`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({ status: "degraded" });
});

test("refuses what has no health(), and a timeout that is none, at once and together", () => {
  const bad = { orders: {} } as unknown as Record<string, HealthResource>;
  const create = () => createHealthHandler(bad, { timeoutMs: 0 });
  expect(create).toThrow(ConfigError);
  expect(create).toThrow(/orders: has no health\(\).*timeoutMs: must be 1 or more/s);
});
