import type { Authorizer } from "../aws/access/authorizer.ts";
import type { AwsPlace, Caller } from "../aws/service.ts";

/** What Lambda does on behalf of a function, under the function's own role. */
export interface RolePermissions {
  /**
   * As CreateEventSourceMapping checks it.
   *
   * @throws AwsError AccessDeniedException naming the action that the role lacks
   */
  requirePolling(queueArn: string): void;
  /** Whether a line that the function writes reaches its log group. Asked anew for each line, since roles change. */
  mayLog(): boolean;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions */
const POLLING = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
const LOGGING = ["logs:CreateLogStream", "logs:PutLogEvents"];

export function createRolePermissions(
  authorizer: Pick<Authorizer, "check">,
  { region, accountId }: AwsPlace,
  { roleArn, name }: Required<Pick<Caller, "roleArn" | "name">>,
): RolePermissions {
  const caller = { accessKeyId: "LAMBDA", roleArn, name };
  const logStream = `arn:aws:logs:${region}:${accountId}:log-group:/aws/lambda/${name}:log-stream:$LATEST`;
  const requireAll = (actions: readonly string[], resource: string) =>
    authorizer.check(
      caller,
      actions.map((action) => ({ action, resource })),
    );
  return {
    requirePolling: (queueArn) => requireAll(POLLING, queueArn),
    mayLog() {
      try {
        requireAll(LOGGING, logStream);
        return true;
      } catch {
        return false;
      }
    },
  };
}
