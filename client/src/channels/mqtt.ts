import type { MqttClient } from "mqtt";
import { parseNotice } from "../../../shared/contract/notice.ts";
import { noticeTopic, reportTopic } from "../../../shared/contract/topics.ts";
import { createBackoff, pause } from "../core/backoff.ts";
import type { Channel, ChannelListener } from "../core/channel.ts";
import { withDeadline } from "../core/deadline.ts";
import { hostAndPid } from "../core/instance.ts";
import type { Logger } from "../core/logger.ts";
import type { ChannelAuth } from "../core/rotation-options.ts";
import { createClientId } from "./client-id.ts";
import { connectOnce, createMqttClient } from "./mqtt-client.ts";
import { Outbox } from "./outbox.ts";
import { type AwsCredentials, channelAuthOf, iotRegionOf, presignConnect } from "./sign-in.ts";

export interface MqttChannelOptions {
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://` URL of the broker; `wss://ENDPOINT` of AWS IoT Core. */
  readonly url: string;
  /** How to sign in. Default: see `channelAuthOf`. */
  readonly auth?: ChannelAuth | undefined;
  /** First levels of every topic: `keyturn/STAGE`. */
  readonly topicPrefix: string;
  readonly secretArn: string;
  /** Who we are, as in reports: the client id is made of it. Default: host and pid. */
  readonly instanceId?: string | undefined;
  readonly logger: Logger;
  /** Lets the process exit where nothing but the channel is open. */
  readonly allowExitOnIdle: boolean;
  /** Region to sign for. Default: the one in the broker's host name, else the secret's. */
  readonly region?: string | undefined;
  /** Asked before each connect that is signed. Default: the SDK's default chain. */
  readonly credentials?: (() => Promise<AwsCredentials>) | undefined;
}

/** Full jitter, so that a broker that comes back is not met by all of its clients in the same instant. */
const RECONNECT = { firstMs: 1_000, capMs: 15_000, jitter: "full" } as const;
/** A subscription that is lost sooner than this does not prove that all is well again. */
const STABLE_MS = RECONNECT.capMs;
const CONNECT_TIMEOUT_MS = 5_000;
/** From the beginning of a connect to the subscription. */
const STANDING_MS = 2 * CONNECT_TIMEOUT_MS;
const FLUSH_MS = 1_000;
const DISCONNECT_MS = 1_000;

/** What AWS IoT Core answers to a signature that it does not take. */
const FORBIDDEN = /server response: 403$/;
const WHAT_TO_CHECK =
  "check this machine's clock, its AWS credentials, their iot:Connect permission, and the Region of channelUrl";

/**
 * Notices and reports over MQTT 3.1.1: one exact topic for each, clean sessions, QoS 1. Whatever a clean session
 * misses is made up for by reading the secret after each subscription. At AWS IoT Core each connect is signed anew.
 *
 * @throws ConfigError where the way to sign in does not go with the URL
 */
export function createMqttChannel(options: MqttChannelOptions): Channel {
  const { url, topicPrefix, secretArn, logger, allowExitOnIdle } = options;
  const isSigned = channelAuthOf(url, options.auth) === "aws-sigv4";
  const topic = noticeTopic(topicPrefix, secretArn);
  const backoff = createBackoff(RECONNECT);
  const outbox = new Outbox(reportTopic(topicPrefix, secretArn), logger);
  const closing = new AbortController();
  let listener: ChannelListener | undefined;
  let client: MqttClient | undefined;
  let signedUrl = url;
  let reconnectTimer: NodeJS.Timeout | undefined;
  let subscribedAt: number | undefined;
  /** Subscriptions in a row that did not last. */
  let shortLived = 0;
  let isLost = false;
  let hasWarned = false;
  let unanswered: NodeJS.Timeout | undefined;
  let lastError: string | undefined;

  /** One try. Whatever it fails on, the next one follows. */
  async function connect(): Promise<void> {
    try {
      const connecting = client ?? (await load());
      if (isSigned) signedUrl = await sign();
      if (closing.signal.aborted) return;
      connectOnce(connecting, options, failed);
      const { stream } = connecting;
      // Begun anew, with growing pauses: a policy may be attached, or a broker's rules be loaded, later than we come.
      unanswered = setTimeout(() => {
        lose("The broker did not answer the subscription");
        stream.destroy();
      }, STANDING_MS).unref();
    } catch (error) {
      failed(error);
      reconnectLater();
    }
  }

  async function load(): Promise<MqttClient> {
    const created = await createMqttClient({
      url,
      clientId: createClientId(options.instanceId ?? hostAndPid()),
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      allowExitOnIdle,
      nextUrl: isSigned ? () => signedUrl : undefined,
    });
    created.on("connect", () => subscribe(created));
    created.on("close", () => {
      outbox.takeBack(created);
      reconnectLater();
    });
    created.on("error", failed);
    created.on("message", (_topic, payload) => receive(payload));
    client = created;
    return created;
  }

  function sign(): Promise<string> {
    const region = options.region ?? iotRegionOf(url) ?? regionOf(secretArn);
    const { credentials } = options;
    return withDeadline(
      { ms: CONNECT_TIMEOUT_MS, stopped: closing.signal, who: "The provider of AWS credentials" },
      () => presignConnect({ url, region, credentials }),
    );
  }

  function failed(error: unknown): void {
    const reason = describe(error);
    lastError = isSigned && FORBIDDEN.test(reason) ? `${reason}; ${WHAT_TO_CHECK}` : reason;
    logger.debug({ topic, reason: lastError }, "Channel failed");
  }

  function subscribe(connected: MqttClient): void {
    const { stream } = connected;
    connected.subscribe(topic, { qos: 1 }, (error) => {
      clearTimeout(unanswered);
      if (stream.destroyed) return;
      if (error) {
        lose(error.message);
        stream.destroy();
        return;
      }
      subscribedAt = performance.now();
      isLost = false;
      listener?.subscribed();
      outbox.send(connected);
    });
  }

  function receive(payload: Buffer): void {
    try {
      const notice = parseNotice(payload.toString());
      if (notice.secretArn === secretArn) listener?.noticed(notice);
      else logger.warn({ topic, secretArn: notice.secretArn }, "Notice for another secret was ignored");
    } catch (error) {
      logger.warn({ topic, reason: String(error) }, "Invalid notice was ignored");
    }
  }

  function reconnectLater(): void {
    if (closing.signal.aborted) return;
    clearTimeout(unanswered);
    const hasLasted = subscribedAt !== undefined && performance.now() - subscribedAt >= STABLE_MS;
    shortLived = hasLasted || subscribedAt === undefined ? 0 : shortLived + 1;
    if (hasLasted) {
      backoff.reset();
      hasWarned = false;
    }
    const inMs = Math.round(backoff.next());
    logger.info({ topic, inMs }, "Channel is away; reconnecting");
    // A broker may also refuse a subscription by closing the connection, as AWS IoT Core does.
    if (subscribedAt === undefined || shortLived > 1) lose(lastError ?? "Connection closed");
    subscribedAt = undefined;
    lastError = undefined;
    clearTimeout(reconnectTimer);
    reconnectTimer = setTimeout(() => void connect(), inMs);
    if (allowExitOnIdle) reconnectTimer.unref();
  }

  /** Tells of it once until a subscription stands again, and warns once until one has lasted. */
  function lose(reason: string): void {
    if (isLost || closing.signal.aborted) return;
    isLost = true;
    if (!hasWarned) {
      logger.warn({ topic, reason }, "No subscription; check the broker and its policy. The poll goes on");
    }
    hasWarned = true;
    listener?.lost(reason);
  }

  return {
    open(opener) {
      listener = opener;
      void connect();
    },
    publish(report) {
      outbox.put(report);
      if (client && subscribedAt !== undefined) outbox.send(client);
    },
    async close() {
      if (client?.connected) {
        const flushed = new AbortController();
        void outbox.emptied().then(() => flushed.abort());
        await pause(FLUSH_MS, flushed.signal);
      }
      clearTimeout(unanswered);
      closing.abort();
      clearTimeout(reconnectTimer);
      // Without a stream it has never begun to connect, and never will.
      if (!client?.stream) return;
      // A polite DISCONNECT waits for acknowledgements that never come where the broker is away, and for the broker
      // to close its side, which one that hangs, or a connection that is half open, never does.
      const ended = new AbortController();
      client.end(!client.connected || !outbox.isEmpty, () => ended.abort());
      await pause(DISCONNECT_MS, ended.signal);
      client.stream.destroy();
    },
  };
}

/** The error of a host with several addresses has a code alone. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ("code" in error ? String(error.code) : error.name);
}

/** A pipeline runs in the Region of the secrets that it tells of: `arn:PARTITION:SERVICE:REGION:…`. */
function regionOf(arn: string): string {
  return arn.split(":")[3] ?? "";
}
