import { randomUUID } from "node:crypto";
import { connect, type IClientOptions, type MqttClient } from "mqtt";
import { parseNotice } from "../../../shared/contract/notice.ts";
import { noticeTopic, reportTopic } from "../../../shared/contract/topics.ts";
import { createBackoff, pause } from "../core/backoff.ts";
import type { Channel, ChannelListener } from "../core/channel.ts";
import type { Logger } from "../core/logger.ts";

export interface MqttChannelOptions {
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://` URL of the broker. */
  readonly url: string;
  /** First levels of every topic: `keyturn/STAGE`. */
  readonly topicPrefix: string;
  readonly secretArn: string;
  readonly logger: Logger;
  /** Lets the process exit where nothing but the channel is open. */
  readonly allowExitOnIdle: boolean;
}

/** Jittered, so that a broker that comes back is not met by all of its clients in the same instant. */
const RECONNECT = { firstMs: 1_000, capMs: 15_000 };
const CONNECT_TIMEOUT_MS = 5_000;
const FLUSH_MS = 1_000;
const DISCONNECT_MS = 1_000;

/** A keep-alive that keeps no process alive; and of a WebSocket the socket, since its stream cannot be let go of. */
const LETTING_EXIT: IClientOptions = {
  timerVariant: {
    set: (work, ms) => Number(setInterval(() => work(), ms).unref()),
    clear: (timer) => clearInterval(timer),
  },
  wsOptions: {
    finishRequest(request) {
      request.on("socket", (socket) => socket.unref());
      request.end();
    },
  },
};

/**
 * Notices and reports over MQTT 3.1.1: one exact topic for each, clean sessions, QoS 1. Whatever a clean session
 * misses is made up for by reading the secret after each subscription.
 */
export function createMqttChannel(options: MqttChannelOptions): Channel {
  const { url, topicPrefix, secretArn, logger, allowExitOnIdle } = options;
  const topic = noticeTopic(topicPrefix, secretArn);
  const backoff = createBackoff(RECONNECT);
  const unsent = new Set<Promise<void>>();
  let client: MqttClient | undefined;
  let reconnectTimer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let isSubscribed = false;
  let hasWarned = false;
  let lastError: string | undefined;

  function subscribe(connected: MqttClient, listener: ChannelListener): void {
    const { stream } = connected;
    // Begun anew, with growing pauses: a policy may be attached, or a broker's rules be loaded, later than we come.
    const giveUp = (reason: string) => {
      if (stream.destroyed) return;
      warnOnce(reason);
      stream.destroy();
    };
    const unanswered = setTimeout(
      () => giveUp("The broker did not answer the subscription"),
      CONNECT_TIMEOUT_MS,
    );
    unanswered.unref();
    connected.subscribe(topic, { qos: 1 }, (error) => {
      clearTimeout(unanswered);
      if (error) return giveUp(error.message);
      isSubscribed = true;
      hasWarned = false;
      backoff.reset();
      listener.subscribed();
    });
  }

  /** Not left to the MQTT client: its timer neither grows nor lets the process exit. */
  function reconnectLater(closed: MqttClient): void {
    if (isClosed) return;
    const inMs = Math.round(backoff.next());
    logger.info({ topic, inMs }, "Channel is away; reconnecting");
    // A broker may also refuse a subscription by closing the connection, as AWS IoT Core does.
    if (!isSubscribed) warnOnce(lastError ?? "Connection closed");
    isSubscribed = false;
    lastError = undefined;
    reconnectTimer = setTimeout(() => {
      closed.connect();
      letExit(closed);
    }, inMs);
    if (allowExitOnIdle) reconnectTimer.unref();
  }

  /** Once until a subscription stands again. */
  function warnOnce(reason: string): void {
    if (!hasWarned) {
      logger.warn({ topic, reason }, "No subscription; check the broker and its policy. The poll goes on");
    }
    hasWarned = true;
  }

  function letExit({ stream }: MqttClient): void {
    if (allowExitOnIdle && "unref" in stream && typeof stream.unref === "function") stream.unref();
  }

  return {
    open(listener) {
      const opened = connect(url, {
        protocolVersion: 4,
        clean: true,
        clientId: `keyturn-${randomUUID()}`,
        connectTimeout: CONNECT_TIMEOUT_MS,
        reconnectPeriod: 0,
        // We subscribe after each connect ourselves, to know when the subscription stands.
        resubscribe: false,
        ...(allowExitOnIdle ? LETTING_EXIT : {}),
      });
      client = opened;
      letExit(opened);
      opened.on("connect", () => subscribe(opened, listener));
      opened.on("close", () => reconnectLater(opened));
      opened.on("error", (error) => {
        lastError = error.message;
        logger.debug({ topic, reason: error.message }, "Channel failed");
      });
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
          (error) => logger.warn({ reason: String(error) }, "Report was not acknowledged"),
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
      isClosed = true;
      clearTimeout(reconnectTimer);
      // A polite DISCONNECT waits for acknowledgements that never come where the broker is away, and for the broker
      // to close its side, which one that hangs, or a connection that is half open, never does.
      const ended = new AbortController();
      client.end(!client.connected || unsent.size > 0, () => ended.abort());
      await pause(DISCONNECT_MS, ended.signal);
      client.stream.destroy();
    },
  };
}
