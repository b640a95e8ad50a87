import { AwsError } from "../aws-error.ts";
import type { AccessRequest, AwsPlace } from "../service.ts";

/** A message on its way to the broker. */
export interface IotPublish {
  readonly topic: string;
  readonly qos: 0 | 1;
  readonly retain: boolean;
}

/** https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits */
const MAX_TOPIC_BYTES = 256;
const MAX_TOPIC_SLASHES = 7;
const MAX_PAYLOAD_BYTES = 128 * 1024;

/**
 * Reads a publish of the IoT data plane, `POST /topics/TOPIC?qos=1&retain=true`; undefined where the request is another.
 *
 * @throws AwsError InvalidRequestException where IoT Core would refuse the topic or an option
 */
export function readIotPublish(method: string | undefined, url: URL): IotPublish | undefined {
  const [, encoded] = /^\/topics\/(.+)$/.exec(url.pathname) ?? [];
  if (method !== "POST" || encoded === undefined) return undefined;
  const qos = url.searchParams.get("qos") ?? "0";
  if (qos !== "0" && qos !== "1") throw invalid(`qos must be 0 or 1, not ${qos}`);
  return {
    topic: checkTopic(decodeTopic(encoded)),
    qos: qos === "1" ? 1 : 0,
    retain: url.searchParams.get("retain") === "true",
  };
}

/** @throws AwsError RequestEntityTooLargeException */
export function checkPayload(payload: Buffer): void {
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new AwsError(
      "RequestEntityTooLargeException",
      `The payload has ${payload.length} bytes; at most ${MAX_PAYLOAD_BYTES} are allowed.`,
      413,
    );
  }
}

/** The permissions that a publish needs. */
export function iotPublishAccess(
  { region, accountId }: AwsPlace,
  publish: IotPublish,
): readonly AccessRequest[] {
  const resource = `arn:aws:iot:${region}:${accountId}:topic/${publish.topic}`;
  const request = { action: "iot:Publish", resource };
  return publish.retain ? [request, { action: "iot:RetainPublish", resource }] : [request];
}

function checkTopic(topic: string): string {
  if (/[+#]/.test(topic)) throw invalid("a topic to publish to must not hold the wildcards + and #");
  if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES)
    throw invalid(`the topic is longer than ${MAX_TOPIC_BYTES} bytes`);
  if (topic.split("/").length - 1 > MAX_TOPIC_SLASHES) {
    throw invalid(`the topic has more than ${MAX_TOPIC_SLASHES} slashes`);
  }
  return topic;
}

function decodeTopic(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw invalid("the topic is not URL-encoded");
  }
}

function invalid(reason: string): AwsError {
  return new AwsError("InvalidRequestException", `The request is not valid: ${reason}`);
}
