import type { FunctionFailure } from "./function-error.ts";

/** What an environment is told when it starts. */
export interface EnvironmentData {
  /** Folder of the unpacked bundle; `/var/task` on AWS. */
  readonly taskRoot: string;
  /** `PATH/FILE.EXPORT` */
  readonly handler: string;
  readonly functionArn: string;
}

/** To the environment: handle one event. */
export interface Invocation {
  readonly requestId: string;
  /** JSON */
  readonly event: string;
  /** Epoch milliseconds. */
  readonly deadline: number;
}

/** From the environment. `isLast`: the process ends with this failure and takes no further event. */
export type EnvironmentMessage =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly response: string }
  | { readonly type: "failed"; readonly error: FunctionFailure; readonly isLast: boolean };
