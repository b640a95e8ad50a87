import { IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { AwsError } from "../aws-error.ts";
import type { AwsInput } from "../service.ts";

/** DynamoDB's limit, the highest of the services that are here. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/**
 * Reads a body whole, and unpacks it: the SDK compresses large PutMetricData calls.
 *
 * @throws AwsError RequestEntityTooLarge, SerializationException
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const body = await buffer(request);
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding === "identity") return body;
  if (encoding !== "gzip") {
    throw new AwsError("SerializationException", `The local run reads gzip, not ${encoding}`);
  }
  try {
    return await promisify(gunzip)(body, { maxOutputLength: MAX_BODY_BYTES });
  } catch {
    throw new AwsError("SerializationException", "The body is not gzip, or unpacks to more than 16 MB");
  }
}

/** @throws AwsError SerializationException where the body is no JSON object; without a body the input is empty */
export function parseBody(body: Buffer): AwsInput {
  if (body.length === 0) return {};
  let input: unknown;
  try {
    input = JSON.parse(body.toString("utf8"));
  } catch {
    throw new AwsError("SerializationException", "The body is not JSON");
  }
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new AwsError("SerializationException", "The body is not a JSON object");
  }
  return { ...input };
}

/**
 * A request like the given one whose body can be read once more, for a server that wants to read it itself.
 *
 * @param headers replace those of the request
 */
export function replayRequest(
  request: IncomingMessage,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): IncomingMessage {
  const replay = new IncomingMessage(request.socket);
  replay.method = request.method;
  replay.url = request.url;
  replay.httpVersion = request.httpVersion;
  replay.httpVersionMajor = request.httpVersionMajor;
  replay.httpVersionMinor = request.httpVersionMinor;
  replay.headers = { ...request.headers, ...headers, "content-length": String(body.length) };
  delete replay.headers["content-encoding"];
  delete replay.headers["transfer-encoding"];
  replay.push(body);
  replay.push(null);
  // Otherwise Node takes the message for cut off when it is done with, and closes the connection.
  replay.complete = true;
  return replay;
}

function tooLarge(): AwsError {
  return new AwsError("RequestEntityTooLarge", "The body is larger than 16 MB", 413);
}
