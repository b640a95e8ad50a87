import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { AwsError } from "../aws-error.ts";

/** What a service calls its own failure; the others say InternalFailure. */
const internalErrors: Readonly<Record<string, string>> = {
  AWSEvents: "InternalException",
  AmazonEC2ContainerServiceV20141113: "ServerException",
  DynamoDB_20120810: "InternalServerError",
  GraniteServiceVersion20100801: "InternalServiceFault",
  IotMoonrakerService: "InternalFailureException",
  secretsmanager: "InternalServiceError",
};

/** Services that began with AWS's query protocol name an unknown access key in its words. */
const queryServices: ReadonlySet<string> = new Set(["AmazonSQS", "GraniteServiceVersion20100801"]);

/** The error for a call whose access key id nobody registered. */
export function unknownCaller(targetPrefix: string): AwsError {
  const message = "The security token included in the request is invalid.";
  return queryServices.has(targetPrefix)
    ? new AwsError("InvalidClientTokenId", message, 403)
    : new AwsError("UnrecognizedClientException", message);
}

/** The error for a fault of the local run itself. */
export function internalFailure(targetPrefix: string): AwsError {
  return new AwsError(
    internalErrors[targetPrefix] ?? "InternalFailure",
    "The local run failed inside; its log tells why.",
    500,
  );
}

export function sendJson(
  response: ServerResponse,
  value: object,
  { status = 200, version = "1.1" } = {},
): void {
  send(response, status, { "content-type": `application/x-amz-json-${version}` }, value);
}

export function sendAwsError(response: ServerResponse, error: AwsError, { version = "1.1" } = {}): void {
  const headers = { "content-type": `application/x-amz-json-${version}`, "x-amzn-errortype": error.code };
  send(response, error.status, headers, { __type: error.code, message: error.message });
}

function send(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  value: object,
): void {
  // The caller may be gone: a function that ran into its time limit, a task that was stopped.
  if (response.destroyed || response.headersSent) return;
  const body = JSON.stringify(value);
  response.writeHead(status, {
    ...headers,
    "x-amzn-requestid": randomUUID(),
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}
