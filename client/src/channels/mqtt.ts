import { randomUUID } from "node:crypto";
import { connect, type MqttClient } from "mqtt";
import { parseNotice } from "../../../shared/contract/notice.ts";
import { noticeTopic, reportTopic } from "../../../shared/contract/topics.ts";
import { pause } from "../backoff.ts";
import type { Channel, ChannelListener } from "../channel.ts";
import type { Logger } from "../logger.ts";

export interface MqttChannelOptions {
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://` URL of the broker. */
  readonly url: string;
  /** First levels of every topic: `keyturn/STAGE`. */
  readonly topicPrefix: string;
  readonly secretArn: string;
  readonly logger: Logger;
}

const RECONNECT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;
const FLUSH_MS = 1_000;

/**
 * Notices and reports over MQTT 3.1.1: one exact topic for each, clean sessions, QoS 1. Whatever a clean session
 * misses is made up for by reading the secret after each subscription.
 */
export function createMqttChannel({ url, topicPrefix, secretArn, logger }: MqttChannelOptions): Channel {
  const topic = noticeTopic(topicPrefix, secretArn);
  const unsent = new Set<Promise<void>>();
  let client: MqttClient | undefined;

  function subscribe(connected: MqttClient, listener: ChannelListener): void {
    connected.subscribe(topic, { qos: 1 }, (error) => {
      if (!error) return listener.subscribed();
      if (connected.connected) {
        // The broker's policy says no: reconnecting at once would only repeat it.
        logger.warn({ topic, reason: error.message }, "Subscription was refused; the poll goes on");
      }
    });
  }

  return {
    open(listener) {
      const opened = connect(url, {
        protocolVersion: 4,
        clean: true,
        clientId: `keyturn-${randomUUID()}`,
        connectTimeout: CONNECT_TIMEOUT_MS,
        // Jittered, so that a broker that comes back is not met by all of its clients in the same instant.
        reconnectPeriod: RECONNECT_MS * (0.5 + Math.random()),
        // We subscribe after each connect ourselves, to know when the subscription stands.
        resubscribe: false,
      });
      client = opened;
      opened.on("connect", () => subscribe(opened, listener));
      opened.on("offline", () => logger.info({ topic }, "Channel is away; reconnecting"));
      opened.on("error", (error) => logger.debug({ topic, reason: error.message }, "Channel failed"));
      opened.on("message", (_topic, payload) => {
        try {
          const notice = parseNotice(payload.toString());
          if (notice.secretArn === secretArn) listener.noticed(notice);
          else logger.warn({ topic, secretArn: notice.secretArn }, "Notice for another secret was ignored");
        } catch (error) {
          logger.warn({ topic, reason: String(error) }, "Invalid notice was ignored");
        }
      });
    },
    publish(report) {
      if (!client) return;
      const sent = client
        .publishAsync(reportTopic(topicPrefix, secretArn), JSON.stringify(report), { qos: 1 })
        .then(
          () => undefined,
          (error) => logger.warn({ reason: String(error) }, "Report was not sent"),
        );
      unsent.add(sent);
      void sent.finally(() => unsent.delete(sent));
    },
    async close() {
      if (!client) return;
      if (client.connected) {
        const flushed = new AbortController();
        void Promise.all(unsent).then(() => flushed.abort());
        await pause(FLUSH_MS, flushed.signal);
      }
      // A polite DISCONNECT waits for acknowledgements that never come where the broker is away.
      await client.endAsync(!client.connected || unsent.size > 0);
    },
  };
}
