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
  const unsent = new Set<Promise<void>>();
  const loaded = Promise.withResolvers<MqttClient>();
  const closing = new AbortController();
  let listener: ChannelListener | undefined;
  let client: MqttClient | undefined;
  let signedUrl = url;
  let reconnectTimer: NodeJS.Timeout | undefined;
  let subscribedAt: number | undefined;
  let isLost = false;
  let lastError: string | undefined;

  /** One try. Whatever it fails on, the next one follows. */
  async function connect(): Promise<void> {
    try {
      const connecting = client ?? (await load());
      if (isSigned) signedUrl = await sign();
      if (closing.signal.aborted) return;
      connectOnce(connecting, options, failed);
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
    created.on("close", reconnectLater);
    created.on("error", failed);
    created.on("message", (_topic, payload) => receive(payload));
    client = created;
    loaded.resolve(created);
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
    // Begun anew, with growing pauses: a policy may be attached, or a broker's rules be loaded, later than we come.
    const giveUp = (reason: string) => {
      if (stream.destroyed) return;
      lose(reason);
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
      subscribedAt = performance.now();
      isLost = false;
      listener?.subscribed();
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
    if (subscribedAt !== undefined && performance.now() - subscribedAt >= STABLE_MS) backoff.reset();
    const inMs = Math.round(backoff.next());
    logger.info({ topic, inMs }, "Channel is away; reconnecting");
    // A broker may also refuse a subscription by closing the connection, as AWS IoT Core does.
    if (subscribedAt === undefined) lose(lastError ?? "Connection closed");
    subscribedAt = undefined;
    lastError = undefined;
    clearTimeout(reconnectTimer);
    reconnectTimer = setTimeout(() => void connect(), inMs);
    if (allowExitOnIdle) reconnectTimer.unref();
  }

  /** Tells of it once until a subscription stands again. */
  function lose(reason: string): void {
    if (isLost || closing.signal.aborted) return;
    isLost = true;
    logger.warn({ topic, reason }, "No subscription; check the broker and its policy. The poll goes on");
    listener?.lost(reason);
  }

  return {
    open(opener) {
      listener = opener;
      void connect();
    },
    publish(report) {
      const sent = loaded.promise
        .then((open) =>
          open.publishAsync(reportTopic(topicPrefix, secretArn), JSON.stringify(report), { qos: 1 }),
        )
        .then(
          () => undefined,
          (error) => logger.warn({ reason: String(error) }, "Report was not acknowledged"),
        );
      unsent.add(sent);
      void sent.finally(() => unsent.delete(sent));
    },
    async close() {
      if (client?.connected) {
        const flushed = new AbortController();
        void Promise.all(unsent).then(() => flushed.abort());
        await pause(FLUSH_MS, flushed.signal);
      }
      closing.abort();
      clearTimeout(reconnectTimer);
      // Without a stream it has never begun to connect, and never will.
      if (!client?.stream) return;
      // A polite DISCONNECT waits for acknowledgements that never come where the broker is away, and for the broker
      // to close its side, which one that hangs, or a connection that is half open, never does.
      const ended = new AbortController();
      client.end(!client.connected || unsent.size > 0, () => ended.abort());
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
