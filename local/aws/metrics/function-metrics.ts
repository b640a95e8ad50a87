import type { FunctionRuntime } from "../../lambda/runtime.ts";
import type { CloudWatch } from "../cloudwatch.ts";

/** Lambda does not run the function, since its own concurrency, or the account's, is used up. */
export class TooManyRequestsError extends Error {
  override readonly name = "TooManyRequestsException";
}

export interface FunctionMetricsDeps {
  readonly cloudWatch: Pick<CloudWatch, "putMetric">;
  readonly name: string;
  /** 0 throttles every invocation; that is how a function is stopped on AWS. */
  readonly reservedConcurrency?: number | undefined;
}

/** The function, and what Lambda tells CloudWatch of it: AWS/Lambda Invocations, Errors, Throttles and Duration. */
export function measureFunction(
  runtime: FunctionRuntime,
  { cloudWatch, name, reservedConcurrency }: FunctionMetricsDeps,
): FunctionRuntime {
  const put = (metric: string, value: number) =>
    cloudWatch.putMetric(
      { namespace: "AWS/Lambda", name: metric, dimensions: { FunctionName: name } },
      value,
    );

  return {
    ...runtime,
    async invoke(event) {
      if (reservedConcurrency === 0) {
        put("Throttles", 1);
        throw new TooManyRequestsError("Rate Exceeded.");
      }
      const startedAt = performance.now();
      let errors = 1;
      try {
        const answer = await runtime.invoke(event);
        errors = 0;
        return answer;
      } finally {
        put("Invocations", 1);
        put("Errors", errors);
        put("Duration", performance.now() - startedAt);
      }
    },
  };
}
