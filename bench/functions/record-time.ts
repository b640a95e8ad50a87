import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Pairs } from "./timing.ts";
import type { Variants } from "./variants.ts";

/** What the process that runs the handlers is told. */
export interface RecordTask {
  readonly variants: Variants;
  /** Path of a sample of events/, an SQS event. */
  readonly samplePath: string;
  readonly batchSize: number;
  readonly warmUpRounds: number;
  readonly rounds: number;
}

/**
 * Time of one record in a warm process, in milliseconds: both variants handle batches in turn, against the same endpoint.
 * What they log goes to /dev/null.
 *
 * @throws Error where a record failed
 */
export async function timeRecords(
  task: RecordTask,
  environment: Readonly<Record<string, string>>,
): Promise<Pairs> {
  const child = fork(fileURLToPath(new URL("record-process.ts", import.meta.url)), {
    env: environment,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let complaints = "";
  child.stderr?.on("data", (chunk) => {
    complaints = `${complaints}${chunk}`.slice(-4_000);
  });
  const measured = once(child, "message") as Promise<[Pairs]>;
  const ended = once(child, "exit");
  child.send(task);
  const [pairs] = await Promise.race([
    measured,
    ended.then(([code]) => {
      throw new Error(`The handlers of ${task.samplePath} ended with ${code}: ${complaints}`);
    }),
  ]);
  await ended;
  return pairs;
}
