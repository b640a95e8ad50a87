/** A failed invocation as Lambda's service answers it. */
export interface FunctionFailure {
  /** The thrown error's name, or Lambda's own, such as `Sandbox.Timedout`. */
  readonly errorType: string;
  readonly errorMessage: string;
  readonly stackTrace?: readonly string[];
}

/** An invocation failed: the handler threw, ran out of time or memory, or ended its process. */
export class FunctionError extends Error implements FunctionFailure {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly stackTrace: readonly string[];

  constructor(failure: FunctionFailure) {
    super(`${failure.errorType}: ${failure.errorMessage}`);
    this.name = "FunctionError";
    this.errorType = failure.errorType;
    this.errorMessage = failure.errorMessage;
    this.stackTrace = failure.stackTrace ?? [];
  }
}

/** Whatever was thrown, in the form of Lambda's Node runtime. */
export function describeThrown(thrown: unknown, errorType?: string): FunctionFailure {
  if (!(thrown instanceof Error)) {
    return { errorType: errorType ?? typeof thrown, errorMessage: String(thrown), stackTrace: [] };
  }
  return {
    errorType: errorType ?? thrown.name,
    errorMessage: thrown.message,
    stackTrace: thrown.stack?.split("\n") ?? [],
  };
}
