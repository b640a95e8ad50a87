import { buildApp } from "fauxqs";
import { createSqsAccess } from "./access/sqs-access.ts";
import type { RawAwsService } from "./endpoint.ts";
import type { AwsPlace } from "./service.ts";

export interface SqsServer {
  readonly service: RawAwsService;
  /** Ends the long polls that still wait. */
  close(): Promise<void>;
}

/** SQS in memory, behind the endpoint. */
export async function createSqsServer(place: AwsPlace): Promise<SqsServer> {
  const app = buildApp({ logger: false, defaultRegion: place.region });
  app.addHook("onSend", async ({ headers: { host } }, _reply, payload) =>
    typeof payload === "string" && host !== undefined ? withQueueHost(payload, host) : payload,
  );
  await app.ready();
  return {
    service: {
      targetPrefix: "AmazonSQS",
      access: createSqsAccess(place),
      handle: (request, response) => app.routing(request, response),
    },
    close: () => app.close(),
  };
}

/**
 * Puts the endpoint's host into the queue URLs of an answer. fauxqs hands out names under `localhost`, which not every
 * machine resolves, and a client follows the host in a QueueUrl rather than its endpoint setting.
 */
function withQueueHost(payload: string, host: string): string {
  if (!payload.startsWith('{"QueueUrl')) return payload;
  const answer: Record<string, unknown> = JSON.parse(payload);
  const onHost = (url: unknown): unknown =>
    typeof url === "string" ? url.replace(/(?<=^http:\/\/)[^/]+/, host) : url;
  const { QueueUrl: one, QueueUrls: many } = answer;
  return JSON.stringify({
    ...answer,
    ...(one !== undefined && { QueueUrl: onHost(one) }),
    ...(Array.isArray(many) && { QueueUrls: many.map(onHost) }),
  });
}
