/**
 * One execution environment: loads the handler once, then handles one event at a time. Runs as a worker thread and
 * does what Lambda's Node runtime does between the service and the handler.
 *
 * Differences from AWS: it is not frozen between events, and its working directory is the local run's.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import type { EnvironmentData, EnvironmentMessage, Invocation } from "./environment-messages.ts";
import { describeThrown, type FunctionFailure } from "./function-error.ts";

type Handler = (event: unknown, context: object) => unknown;

const port = parentPort;
if (port === null) throw new Error("environment.ts runs as a worker thread only");
const data = workerData as EnvironmentData;
const post = (message: EnvironmentMessage) => port.postMessage(message);

process.on("uncaughtException", (error) => end("Uncaught Exception", describeThrown(error), 129));
process.on("unhandledRejection", (reason) =>
  end("Unhandled Promise Rejection", describeThrown(reason, "Runtime.UnhandledPromiseRejection"), 128),
);

try {
  const handle = await loadHandler();
  port.on("message", (invocation: Invocation) => void invoke(handle, invocation));
  post({ type: "ready" });
} catch (error) {
  await end("Initialization failed", describeInitFailure(error), 1);
}

async function loadHandler(): Promise<Handler> {
  const slash = data.handler.lastIndexOf("/") + 1;
  const [file = "", ...path] = data.handler.slice(slash).split(".");
  const module = join(data.taskRoot, data.handler.slice(0, slash), file);
  const source = [".js", ".mjs", ".cjs"].map((extension) => module + extension).find(existsSync);
  if (!source) {
    throw namedError(
      "Runtime.ImportModuleError",
      `Error: Cannot find module '${data.handler.slice(0, slash)}${file}'`,
    );
  }
  let value: unknown = await import(pathToFileURL(source).href);
  for (const key of path) value = (value as Record<string, unknown> | undefined)?.[key];
  if (typeof value !== "function") {
    throw namedError("Runtime.HandlerNotFound", `${data.handler} is undefined or not exported`);
  }
  // https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html: Node 24 takes no callbacks.
  if (value.length >= 3) {
    throw namedError(
      "Runtime.CallbackHandlerDeprecated",
      "AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later.",
    );
  }
  return value as Handler;
}

async function invoke(handle: Handler, invocation: Invocation): Promise<void> {
  let message: EnvironmentMessage;
  try {
    const result = await handle(JSON.parse(invocation.event), contextOf(invocation));
    message = { type: "done", response: JSON.stringify(result) ?? "null" };
  } catch (error) {
    message = { type: "failed", error: describeThrown(error), isLast: false };
  }
  await flushed();
  post(message);
}

function contextOf({ requestId, deadline }: Invocation): object {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: data.functionArn,
    awsRequestId: requestId,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

async function end(what: string, error: FunctionFailure, exitCode: number): Promise<void> {
  process.stderr.write(`${what}\t${JSON.stringify(error)}\n`);
  await flushed();
  post({ type: "failed", error, isLast: true });
  process.exit(exitCode);
}

/** What was written reaches the run's log before the invocation's end does. */
async function flushed(): Promise<void> {
  await Promise.all(
    [process.stdout, process.stderr].map(
      (stream) => new Promise<void>((done) => stream.write("", () => done())),
    ),
  );
}

function describeInitFailure(error: unknown): FunctionFailure {
  if (error instanceof SyntaxError) return describeThrown(error, "Runtime.UserCodeSyntaxError");
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const isMissing = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
  return describeThrown(error, isMissing ? "Runtime.ImportModuleError" : undefined);
}

function namedError(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
