import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import type { EnvironmentData, EnvironmentMessage, Invocation } from "./environment-messages.ts";
import { FunctionError, type FunctionFailure } from "./function-error.ts";

export interface EnvironmentOptions {
  readonly data: EnvironmentData;
  /** Everything that `process.env` holds inside. */
  readonly env: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  readonly onLog: (line: string) => void;
}

export interface Environment {
  /**
   * Handles one event; not to be called again before it is done.
   *
   * @throws FunctionError; ask `isAlive` whether another event may follow
   */
  run(requestId: string, event: unknown): Promise<unknown>;
  readonly isAlive: boolean;
  stop(): Promise<void>;
}

/** Lambda's own limit for loading the handler; what takes longer is charged to the first invocation. */
const INIT_TIMEOUT_MS = 10_000;

/** Starts one execution environment in a worker thread. */
export function startEnvironment(options: EnvironmentOptions): Environment {
  const { data, memoryMb, timeoutMs, onLog } = options;
  const worker = new Worker(new URL("./environment.ts", import.meta.url), {
    workerData: data,
    env: { ...options.env },
    execArgv: [],
    stdout: true,
    stderr: true,
    // What Lambda's Node runtime gives to the heap. Memory outside the heap is not limited here.
    resourceLimits: { maxOldGenerationSizeMb: Math.floor(memoryMb * 0.9) },
  });
  createInterface({ input: worker.stdout }).on("line", onLog);
  createInterface({ input: worker.stderr }).on("line", onLog);

  let isAlive = true;
  let requestId = "-";
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  let current: PromiseWithResolvers<string> | undefined;

  function fail(failure: FunctionFailure): void {
    ready.reject(new FunctionError(failure));
    current?.reject(new FunctionError(failure));
  }
  worker.on("message", (message: EnvironmentMessage) => {
    if (message.type === "ready") ready.resolve();
    else if (message.type === "done") current?.resolve(message.response);
    else {
      if (message.isLast) isAlive = false;
      fail(message.error);
    }
  });
  worker.on("error", (error) => {
    isAlive = false;
    const isOutOfMemory = "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
    fail({
      errorType: isOutOfMemory ? "Runtime.OutOfMemory" : "Runtime.ExitError",
      errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${isOutOfMemory ? "signal: killed" : error.message}`,
    });
  });
  const exited = new Promise<void>((resolve) => {
    worker.once("exit", (code) => {
      isAlive = false;
      fail({
        errorType: "Runtime.ExitError",
        errorMessage: `RequestId: ${requestId} Error: Runtime exited ${code === 0 ? "without providing a reason" : `with error: exit status ${code}`}`,
      });
      resolve();
    });
  });

  async function stop(): Promise<void> {
    isAlive = false;
    await worker.terminate();
    await exited;
  }

  /** Lambda ends the environment with the invocation that ran out of time. */
  async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        isAlive = false;
        const message = `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
        onLog(`${new Date().toISOString()} ${requestId} ${message}`);
        reject(
          new FunctionError({
            errorType: "Sandbox.Timedout",
            errorMessage: `RequestId: ${requestId} Error: ${message}`,
          }),
        );
        void stop();
      }, milliseconds);
    });
    try {
      return await Promise.race([work, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    get isAlive() {
      return isAlive;
    },
    async run(id, event) {
      requestId = id;
      try {
        await within(INIT_TIMEOUT_MS + timeoutMs, ready.promise);
        current = Promise.withResolvers<string>();
        const invocation: Invocation = {
          requestId: id,
          event: JSON.stringify(event) ?? "null",
          deadline: Date.now() + timeoutMs,
        };
        worker.postMessage(invocation);
        return JSON.parse(await within(timeoutMs, current.promise));
      } finally {
        current = undefined;
        requestId = "-";
      }
    },
    stop,
  };
}
