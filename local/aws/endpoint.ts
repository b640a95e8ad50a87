import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Authorizer } from "./access/authorizer.ts";
import { AwsError } from "./aws-error.ts";
import { internalFailure, sendAwsError, sendJson, unknownCaller } from "./http/aws-reply.ts";
import { type CallerRegistry, createCallerRegistry } from "./http/caller-registry.ts";
import { checkPayload, iotPublishAccess, readIotPublish } from "./http/iot-publish.ts";
import { type AwsQuery, isQuery, QUERIES, queryXml, readQuery } from "./http/query-protocol.ts";
import { parseBody, readBody, replayRequest } from "./http/request-body.ts";
import type { AccessRequest, AwsInput, AwsJsonService, AwsPlace, Caller } from "./service.ts";

/** A service whose requests are answered by a server of its own; only access is decided here. */
export interface RawAwsService {
  /** What stands before the dot in `x-amz-target`, such as `AmazonSQS`. */
  readonly targetPrefix: string;
  /** The permissions that a call needs. Must not throw on bad input. */
  access(operation: string, input: AwsInput): readonly AccessRequest[];
  /** The request's body is unread, its host is the endpoint's. */
  handle(request: IncomingMessage, response: ServerResponse): void;
}

export interface AwsEndpointDeps {
  readonly place: AwsPlace;
  readonly authorizer: Pick<Authorizer, "check">;
  readonly services: readonly AwsJsonService[];
  readonly rawServices?: readonly RawAwsService[];
  /** Brings a message of the IoT data plane to the broker. */
  readonly publish: (
    topic: string,
    payload: Buffer,
    options: { qos: 0 | 1; retain: boolean },
  ) => Promise<void>;
  /** The answer of a task's metadata endpoint; undefined where there is no such task. */
  readonly taskMetadata: (id: string) => object | undefined;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** 0, the default, takes a free one. */
  readonly port?: number;
}

export interface AwsEndpoint {
  /** For `AWS_ENDPOINT_URL`. */
  readonly url: string;
  readonly port: number;
  /** Makes an access key id known; calls with any other are refused. */
  registerCaller(caller: Caller): void;
  /** Ends every connection, also those that wait in a long poll. */
  close(): Promise<void>;
}

const HOST = "127.0.0.1";

/**
 * Starts the AWS endpoint of the local run on loopback. It answers unmodified AWS SDK clients that are pointed to it
 * by `AWS_ENDPOINT_URL`, tells callers apart by their access key id, and checks each call against the policies of
 * the caller's role.
 *
 * @throws Error EADDRINUSE where the given port is taken
 */
export async function createAwsEndpoint(deps: AwsEndpointDeps): Promise<AwsEndpoint> {
  const callers = createCallerRegistry();
  const dispatch = createDispatch(deps, callers);
  const server = createServer((request, response) => void dispatch(request, response));
  server.listen(deps.port ?? 0, HOST);
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://${HOST}:${port}`,
    port,
    registerCaller: callers.register,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A request whose kind is known: for which service it is, and how it is answered. */
interface Route {
  readonly targetPrefix: string;
  readonly jsonVersion?: string;
  answer(body: Buffer, caller: Caller): Promise<void>;
}

function createDispatch(deps: AwsEndpointDeps, callers: CallerRegistry) {
  const { place, authorizer, services, rawServices = [], publish, taskMetadata, log } = deps;

  const routeJson = (service: AwsJsonService, name: string, response: ServerResponse): Route => ({
    targetPrefix: service.targetPrefix,
    jsonVersion: service.jsonVersion,
    async answer(body, caller) {
      const operation = Object.hasOwn(service.operations, name) ? service.operations[name] : undefined;
      if (!operation) throw unknownOperation(`${service.targetPrefix}.${name}`, operationsOf(service));
      const input = parseBody(body);
      authorizer.check(caller, operation.access(input));
      sendJson(response, await operation.run(input, caller), { version: service.jsonVersion });
    },
  });

  const routeRaw = (
    service: RawAwsService,
    name: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Route => ({
    targetPrefix: service.targetPrefix,
    async answer(body, caller) {
      authorizer.check(caller, service.access(name, parseBody(body)));
      // A client follows the host in a QueueUrl rather than its endpoint setting, and the queue server copies it from here.
      const host = `${HOST}:${request.socket.localPort}`;
      service.handle(replayRequest(request, body, { host }), response);
    },
  });

  const routeOthers = (request: IncomingMessage, response: ServerResponse): Route => ({
    targetPrefix: "IotMoonrakerService",
    async answer(payload, caller) {
      const message = readIotPublish(request.method, new URL(request.url ?? "/", `http://${HOST}`));
      if (!message) throw unknownOperation(`${request.method} ${request.url}`, allOperations(deps));
      authorizer.check(caller, iotPublishAccess(place, message));
      checkPayload(payload);
      await publish(message.topic, payload, { qos: message.qos, retain: message.retain });
      sendJson(response, { message: "OK" });
    },
  });

  const routeQuery = (response: ServerResponse): Route => ({
    targetPrefix: "Query",
    async answer(body, caller) {
      const query = readQuery(place, body, caller);
      if (!query) throw unknownOperation("this query", allOperations(deps));
      sendXml(response, query.action, errorOf(() => authorizer.check(caller, query.access)) ?? query.answer);
    },
  });

  const routeOf = (request: IncomingMessage, response: ServerResponse): Route => {
    const target = request.headers["x-amz-target"];
    if (isQuery(request)) return routeQuery(response);
    if (typeof target !== "string") return routeOthers(request, response);
    const dot = target.indexOf(".");
    const prefix = target.slice(0, dot);
    const name = target.slice(dot + 1);
    const service = services.find(({ targetPrefix }) => targetPrefix === prefix);
    if (service) return routeJson(service, name, response);
    const raw = rawServices.find(({ targetPrefix }) => targetPrefix === prefix);
    if (raw) return routeRaw(raw, name, request, response);
    return {
      targetPrefix: prefix,
      async answer() {
        throw unknownOperation(target, allOperations(deps));
      },
    };
  };

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, taskId] = /^\/task-metadata\/([\w.-]+)\/task$/.exec(request.url ?? "") ?? [];
    if (request.method === "GET" && taskId !== undefined) {
      sendTaskMetadata(response, taskMetadata(taskId));
      return;
    }
    const route = routeOf(request, response);
    try {
      const body = await readBody(request);
      const caller = callers.callerOf(request);
      if (!caller) throw unknownCaller(route.targetPrefix);
      await route.answer(body, caller);
    } catch (error) {
      const isFault = !(error instanceof AwsError);
      // A client that went away in the middle of its request is no fault of ours.
      if (isFault && request.complete) {
        log("AWS endpoint failed", { target: request.headers["x-amz-target"] ?? request.url, error });
      }
      const answer = isFault ? internalFailure(route.targetPrefix) : error;
      sendAwsError(response, answer, route.jsonVersion === undefined ? {} : { version: route.jsonVersion });
    }
  };
}

/** What a check throws, which the query protocol has in a form of its own. */
function errorOf(check: () => void): AwsError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof AwsError) return error;
    throw error;
  }
}

function sendXml(response: ServerResponse, action: string, answer: AwsQuery["answer"]): void {
  response.writeHead(answer instanceof AwsError ? answer.status : 200, { "content-type": "text/xml" });
  response.end(queryXml(action, answer));
}

function sendTaskMetadata(response: ServerResponse, metadata: object | undefined): void {
  response.writeHead(metadata ? 200 : 404, { "content-type": "application/json" });
  response.end(JSON.stringify(metadata ?? { message: "There is no such task." }));
}

function unknownOperation(target: string, supported: string): AwsError {
  return new AwsError(
    "UnknownOperationException",
    `The local run does not support ${target}. It supports ${supported}.`,
  );
}

function operationsOf({ targetPrefix, operations }: AwsJsonService): string {
  return `${targetPrefix}.{${Object.keys(operations).join(", ")}}`;
}

function allOperations({ services, rawServices = [] }: AwsEndpointDeps): string {
  return [
    ...services.map(operationsOf),
    ...rawServices.map(({ targetPrefix }) => `${targetPrefix}.*`),
    "POST /topics/{topic}",
    QUERIES,
  ].join("; ");
}
