import { randomBytes, randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { type FunctionSettings, functionEnvironmentVariables } from "./function-environment-variables.ts";
import { type Environment, startEnvironment } from "./start-environment.ts";
import { unpackBundle } from "./unpack-bundle.ts";

export interface FunctionRuntimeOptions extends FunctionSettings {
  /** The packaged bundle. */
  readonly zipPath: string;
  readonly timeoutSeconds: number;
  /** Each line that the function writes to stdout or stderr, before the invocation that wrote it ends. */
  readonly onLog: (line: string) => void;
  /** Environments at a time; further invocations wait. Default 5. */
  readonly maximumConcurrency?: number;
}

export interface FunctionRuntime {
  readonly functionArn: string;
  /**
   * Invokes the function and waits for its answer; event and answer travel as JSON.
   *
   * @throws FunctionError with Lambda's own errorType and errorMessage where the function fails
   */
  invoke(event: unknown): Promise<unknown>;
  /** Ends every environment, whatever it is doing, and removes the unpacked bundle. May be called again. */
  stop(): Promise<void>;
}

/**
 * Runs a packaged function as Lambda does: the bundle from its zip, in environments that are kept warm and handle one
 * event at a time, within the template's time and memory.
 *
 * @throws Error where the template sets a variable that Lambda reserves
 */
export function createFunctionRuntime(options: FunctionRuntimeOptions): FunctionRuntime {
  const { name, place, handler, memoryMb, onLog } = options;
  const maximum = options.maximumConcurrency ?? 5;
  const functionArn = `arn:aws:lambda:${place.region}:${place.accountId}:function:${name}`;
  // Wrong variables fail when the stack is created, as on AWS, not at the first event.
  functionEnvironmentVariables(options, "", "");

  const idle: Environment[] = [];
  const all = new Set<Environment>();
  const waiting: Array<() => void> = [];
  let running = 0;
  let bundle: Promise<string> | undefined;
  let stopping: Promise<void> | undefined;

  async function environment(): Promise<Environment> {
    for (let warm = idle.pop(); warm; warm = idle.pop()) {
      if (warm.isAlive) return warm;
      all.delete(warm);
    }
    bundle ??= unpackBundle(options.zipPath);
    const taskRoot = await bundle;
    if (stopping) throw stopped();
    const logStreamName = `${new Date().toISOString().slice(0, 10).replaceAll("-", "/")}/[$LATEST]${randomBytes(16).toString("hex")}`;
    const cold = startEnvironment({
      data: { taskRoot, handler, functionArn },
      env: functionEnvironmentVariables(options, taskRoot, logStreamName),
      memoryMb,
      timeoutMs: options.timeoutSeconds * 1000,
      onLog,
    });
    all.add(cold);
    return cold;
  }

  /** A finished invocation hands its place to the one that waits longest, so that none overtakes it. */
  async function takeTurn(): Promise<void> {
    if (running < maximum) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  }
  function endTurn(): void {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
  const stopped = () => new Error(`Function ${name} is stopped`);

  return {
    functionArn,
    async invoke(event) {
      await takeTurn();
      try {
        if (stopping) throw stopped();
        const chosen = await environment();
        try {
          return await chosen.run(randomUUID(), event);
        } finally {
          if (chosen.isAlive) idle.push(chosen);
          else all.delete(chosen);
        }
      } finally {
        endTurn();
      }
    },
    stop() {
      stopping ??= (async () => {
        const folder = await bundle?.catch(() => undefined);
        await Promise.all([...all].map((each) => each.stop()));
        if (folder) await rm(folder, { recursive: true, force: true });
      })();
      return stopping;
    },
  };
}
