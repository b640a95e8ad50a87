import { afterEach } from "vitest";
import { createMqttChannel, type MqttChannelOptions } from "../../../client/src/channels/mqtt.ts";
import type { AwsCredentials } from "../../../client/src/channels/sign-in.ts";
import type { Channel } from "../../../client/src/core/channel.ts";
import { type BrokerOptions, type LocalBroker, startBroker } from "../../../local/stores/broker.ts";
import type { Notice } from "../../../shared/contract/notice.ts";
import { noticeTopic } from "../../../shared/contract/topics.ts";

const TOPIC_PREFIX = "keyturn/test";
const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:test/signed-AbCdEf";
export const TOPIC = noticeTopic(TOPIC_PREFIX, secretArn);

/** Keys of two roles. */
export const FIRST = {
  accessKeyId: "AKIDFIRST",
  secretAccessKey: "first-EXAMPLE",
  sessionToken: "first/EXAMPLE+token==",
};
export const SECOND = {
  accessKeyId: "AKIDSECOND",
  secretAccessKey: "second-EXAMPLE",
  sessionToken: "second-EXAMPLE",
};
export type RoleCredentials = typeof FIRST;
/** Some reconnects take their time: the delays are random, up to 1, 2, 4 and more seconds. */
export const PATIENT = { timeout: 20_000 };

/** Call it once at the top of a test file: what a test starts is ended by the file's own hook. */
export function setUpSignedChannels() {
  const channels: Channel[] = [];
  const brokers: LocalBroker[] = [];
  afterEach(async () => {
    await Promise.all(channels.splice(0).map((channel) => channel.close()));
    await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
  });
  return {
    /** A broker with a log; each sign-in that it refuses is one line of `refusals`. */
    async start(options: BrokerOptions = {}) {
      const log: string[] = [];
      const broker = await startBroker({ ...options, log: (message) => log.push(message) });
      brokers.push(broker);
      return { broker, log, refusals: () => log.filter((line) => line.startsWith("MQTT sign-in: ")) };
    },
    /** A channel that signs with whatever `credentials` holds when it connects. */
    open(url: string, credentials: AwsCredentials, options: Partial<MqttChannelOptions> = {}) {
      const lost: string[] = [];
      const warnings: object[] = [];
      const notices: Notice[] = [];
      const heard = { credentials, subscribed: 0, lost, warnings, notices };
      const channel = createMqttChannel({
        url,
        auth: "aws-sigv4",
        topicPrefix: TOPIC_PREFIX,
        secretArn,
        allowExitOnIdle: false,
        credentials: async () => heard.credentials,
        logger: { debug() {}, info() {}, error() {}, warn: (fields) => warnings.push(fields) },
        ...options,
      });
      channels.push(channel);
      channel.open({
        noticed: (notice) => notices.push(notice),
        subscribed: () => {
          heard.subscribed += 1;
        },
        lost: (reason) => lost.push(reason),
      });
      return Object.assign(heard, { close: () => channel.close() });
    },
  };
}

/** For a broker that starts again in the same place. */
export const portsOf = (broker: LocalBroker) => ({
  port: Number(new URL(broker.url).port),
  webSocketPort: Number(new URL(broker.webSocketUrl).port),
});

export function announce(broker: LocalBroker, versionId: string): Promise<void> {
  const now = new Date().toISOString();
  const notice = {
    v: 1,
    kind: "credential-rotated",
    secretArn,
    versionId,
    currentSince: now,
    noticedAt: now,
  };
  return broker.publish(TOPIC, JSON.stringify(notice), { qos: 1, retain: true });
}
