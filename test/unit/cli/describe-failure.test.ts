import { expect, test } from "vitest";
import { CommandError } from "../../../cli/src/command-error.ts";
import { describeFailure } from "../../../cli/src/describe-failure.ts";
import { EXIT } from "../../../cli/src/exit-code.ts";
import { ConfigError, DependencyError } from "../../../shared/contract/errors.ts";

const named = (name: string, message: string, code?: string) =>
  Object.assign(new Error(message), { name, ...(code && { code }) });

test.each([
  [named("AccessDeniedException", "User x is not authorized to perform: sqs:GetQueueUrl."), EXIT.notAllowed],
  [named("AccessDenied", "no"), EXIT.notAllowed],
  [
    named("UnrecognizedClientException", "The security token included in the request is invalid."),
    EXIT.notAllowed,
  ],
  [named("ExpiredTokenException", "expired"), EXIT.notAllowed],
  [named("CredentialsProviderError", "Could not load credentials from any providers"), EXIT.notAllowed],
  [named("Error", "Region is missing"), EXIT.usage],
  [named("Error", "connect ECONNREFUSED 127.0.0.1:9", "ECONNREFUSED"), EXIT.notReachable],
  [new AggregateError([named("Error", "connect ECONNREFUSED ::1:9", "ECONNREFUSED")]), EXIT.notReachable],
  [named("TimeoutError", "no answer"), EXIT.notReachable],
  [named("ThrottlingException", "Rate exceeded"), EXIT.notReachable],
  [named("Throttling", "Rate exceeded"), EXIT.notReachable],
  [named("ProvisionedThroughputExceededException", "too fast"), EXIT.notReachable],
  [named("RequestLimitExceeded", "too fast"), EXIT.notReachable],
  [named("TooManyRequestsException", "too fast"), EXIT.notReachable],
  [Object.assign(named("InternalServerError", "oops"), { $fault: "server" }), EXIT.notReachable],
  [named("LimitExceededException", "too many versions"), EXIT.fault],
  [named("ResourceNotFoundException", "Requested resource not found"), EXIT.notFound],
  [new DependencyError("EventBridge did not take the event: x"), EXIT.notReachable],
  [new ConfigError(["stage: is missing"]), EXIT.usage],
  [new CommandError("X", EXIT.notFound, "There is no queue."), EXIT.notFound],
  [new TypeError("undefined is not a function"), EXIT.fault],
  ["a text", EXIT.fault],
])("%s ends with its code", (error, exitCode) => {
  expect(describeFailure(error).exitCode).toBe(exitCode);
});

test("a refusal keeps AWS's own sentence, which names the action, and says what to do", () => {
  const refusal = named(
    "AccessDeniedException",
    "User x is not authorized to perform: sqs:GetQueueUrl.\n  at y",
  );
  expect(describeFailure(refusal).message).toMatch(
    /^User x is not authorized to perform: sqs:GetQueueUrl\. Allow that action/,
  );
});
