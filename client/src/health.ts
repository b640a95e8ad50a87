/** Liveness and readiness over HTTP: the published entry `keyturn/health`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import * as z from "zod/mini";
import { ConfigError } from "../../shared/contract/errors.ts";
import { describeIssues } from "../../shared/contract/message.ts";
import { pause } from "./core/backoff.ts";
import { describeError } from "./core/describe-error.ts";
import type { Health, HealthOptions } from "./core/health.ts";
import { milliseconds } from "./core/rotation-options.ts";

export type { Health, HealthOptions } from "./core/health.ts";

/** What is said of a resource. A check of your own needs no more than the status. */
export type ResourceHealth = Pick<Health, "status"> &
  Partial<Pick<Health, "versionId" | "lastRotatedAt" | "channel" | "source" | "reason">>;

/** Whatever Keyturn makes of a secret is one; so is anything else that tells how it is. */
export interface HealthResource {
  health(options?: HealthOptions): Promise<ResourceHealth>;
}

export interface HealthHandlerOptions {
  /** For how long each resource may take to answer, in milliseconds. Default 5000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Answers `/health/live` and `/health/ready`, and leaves every other path alone.
 *
 * @returns whether it has answered
 */
export type HealthHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: () => void,
) => Promise<boolean>;

/** The field by field copy of a `ResourceHealth`. */
type Answer = { readonly [K in keyof ResourceHealth]: ResourceHealth[K] | undefined } & Pick<
  Health,
  "status"
>;

/** Body of `/health/ready`: the worst status of all, and each resource's own. */
interface Readiness {
  readonly status: Health["status"];
  readonly resources: Readonly<Record<string, Answer>>;
}

/** A resource that keeps to its own `timeoutMs` says more than we could for it. */
const GRACE_MS = 500;

const HEADERS = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/**
 * A handler for `/health/live` (200 as long as the process answers) and `/health/ready` (503 where a resource is
 * `down`; `degraded` is ready, and says so). It tells of versions and states, never of secrets, hosts or ARNs.
 * Probes that come while one is under way share its check. It fits `node:http`, Express and Fastify:
 *
 * @param resources one resource, or several by the names that the answer gives them
 * @throws ConfigError where something has no `health()`, or `timeoutMs` is no duration
 * @example
 * const health = createHealthHandler({ orders: pool, reports: replicaPool });
 * createServer(async (req, res) => { if (await health(req, res)) return; … });
 * app.use(health); // Express
 * app.addHook("onRequest", async (request, reply) => { // Fastify
 *   if (await health(request.raw, reply.raw)) reply.hijack();
 * });
 */
export function createHealthHandler(
  resources: HealthResource | Readonly<Record<string, HealthResource>>,
  options: HealthHandlerOptions = {},
): HealthHandler {
  const { timeoutMs, named } = readOptions(resources, options);
  let checking: Promise<Readiness> | undefined;
  const check = () => {
    checking ??= checkAll(named, timeoutMs).finally(() => {
      checking = undefined;
    });
    return checking;
  };

  return async (request, response, next) => {
    const path = request.url?.split("?", 1)[0];
    if (path !== "/health/live" && path !== "/health/ready") {
      next?.();
      return false;
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      answer(response, 405, { error: "Only GET and HEAD are allowed" }, { allow: "GET, HEAD" });
    } else if (path === "/health/live") {
      answer(response, 200, { status: "ok" });
    } else {
      const readiness = await check();
      answer(response, readiness.status === "down" ? 503 : 200, readiness);
    }
    return true;
  };
}

function readOptions(
  resources: HealthResource | Readonly<Record<string, HealthResource>>,
  options: HealthHandlerOptions,
) {
  const named = Object.entries(isResource(resources) ? { default: resources } : resources);
  const parsed = z.safeParse(z.object({ timeoutMs: milliseconds(5_000) }), options);
  const problems = [
    ...(named.length === 0 ? ["resources: name at least one"] : []),
    ...named.flatMap(([name, resource]) => (isResource(resource) ? [] : `${name}: has no health()`)),
    ...(parsed.success ? [] : describeIssues(parsed.error)),
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return { named, timeoutMs: parsed.data.timeoutMs };
}

function isResource(value: unknown): value is HealthResource {
  return (
    typeof value === "object" && value !== null && "health" in value && typeof value.health === "function"
  );
}

async function checkAll(
  named: readonly (readonly [string, HealthResource])[],
  timeoutMs: number,
): Promise<Readiness> {
  const checked = await Promise.all(
    named.map(async ([name, resource]) => [name, await checkOne(resource, timeoutMs)] as const),
  );
  const statuses = checked.map(([, { status }]) => status);
  const worst = (["down", "degraded"] as const).find((status) => statuses.includes(status));
  return { status: worst ?? "ok", resources: Object.fromEntries(checked) };
}

async function checkOne(resource: HealthResource, timeoutMs: number): Promise<Answer> {
  const answered = new AbortController();
  try {
    const late = pause(timeoutMs + GRACE_MS, answered.signal);
    const health = await Promise.race([resource.health({ timeoutMs }), late]);
    if (!health) return { status: "down", reason: `No answer within ${timeoutMs} ms` };
    // Field by field: there is more in it than a stranger who reaches the port should read.
    const { versionId, lastRotatedAt, channel, source, reason } = health;
    // A check of one's own may say something else than it should: what is not known to be well is not ready.
    const status = health.status === "ok" || health.status === "degraded" ? health.status : "down";
    return { status, versionId, lastRotatedAt, channel, source, reason };
  } catch (error) {
    return { status: "down", reason: describeError(error).code ?? "The check has failed" };
  } finally {
    answered.abort();
  }
}

function answer(response: ServerResponse, status: number, body: object, headers: object = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { ...HEADERS, ...headers, "content-length": Buffer.byteLength(text) });
  response.end(text);
}
