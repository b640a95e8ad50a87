import { buildApp } from "fauxqs";
import * as z from "zod/mini";
import { createSqsAccess } from "./access/sqs-access.ts";
import type { RawAwsService } from "./endpoint.ts";
import type { AwsPlace } from "./service.ts";

export interface SqsServer {
  readonly service: RawAwsService;
  /** When the oldest message was sent that is not deleted; undefined where the queue is empty, or is not there. */
  oldestSentAt(queueName: string): Promise<Date | undefined>;
  /** Ends the long polls that still wait. */
  close(): Promise<void>;
}

/** What fauxqs tells of a queue without receiving anything. */
const Message = z.object({ sentTimestamp: z.number() });
const Inspected = z.object({
  messages: z.object({
    ready: z.array(Message),
    delayed: z.array(Message),
    inflight: z.array(z.object({ message: Message })),
  }),
});

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
    async oldestSentAt(queueName) {
      const inspected = await app.inject({ method: "GET", url: `/_fauxqs/queues/${queueName}` });
      if (inspected.statusCode !== 200) return undefined;
      const { ready, delayed, inflight } = z.parse(Inspected, inspected.json()).messages;
      const sent = [...ready, ...delayed, ...inflight.map(({ message }) => message)];
      return sent.length > 0
        ? new Date(Math.min(...sent.map(({ sentTimestamp }) => sentTimestamp)))
        : undefined;
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
