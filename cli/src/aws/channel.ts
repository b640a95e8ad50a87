import { randomUUID } from "node:crypto";
import mqtt from "mqtt";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";

/** Notices and reports as they go by. */
export interface Channel {
  /**
   * Signs in and listens on some topics. What the broker keeps for whoever comes later is of the past, and left out.
   *
   * @returns resolves once the broker has taken the subscription
   * @throws CommandError where it takes neither sign-in nor subscription, or does not answer
   */
  open(filters: readonly string[], onMessage: (topic: string, payload: string) => void): Promise<OpenChannel>;
}

export interface OpenChannel {
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

const CONNECT_WITHIN_MS = 10_000;
/** MQTT's answer to a subscription that is not allowed. */
const REFUSED = 128;

/** @param signedUrl asked before each connect */
export function createChannel(signedUrl: () => Promise<string>): Channel {
  return {
    async open(filters, onMessage) {
      const url = await signedUrl();
      // What comes with the sign-in must not get into a message.
      const where = url.split("?")[0];
      const client = mqtt.connect(url, {
        // What services may connect as, operators may: the subscriber policy lets in client ids that begin so.
        clientId: `keyturn-cli-${randomUUID()}`,
        protocolVersion: 4,
        clean: true,
        reconnectPeriod: 0,
        connectTimeout: CONNECT_WITHIN_MS,
      });
      const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
      let reason = "the broker closed the connection";
      client.on("error", (error) => {
        reason = error.message || reason;
      });
      client.on("message", (topic, payload, { retain }) => {
        if (!retain) onMessage(topic, payload.toString());
      });
      const end = async () => {
        client.end(true);
        await closed;
      };
      const ready = async () => {
        await new Promise<void>((resolve) => client.once("connect", () => resolve()));
        const granted = await client.subscribeAsync([...filters], { qos: 1 });
        if (granted.some(({ qos }) => qos === REFUSED)) throw new Error("the subscription was refused");
      };
      const lost = closed.then(() => {
        throw new Error(reason);
      });
      try {
        await Promise.race([ready(), lost]);
      } catch (error) {
        await end();
        throw new CommandError(
          "CHANNEL_REFUSED",
          EXIT.notReachable,
          `No channel at ${where}: ${error instanceof Error ? error.message : error}. Check the URL, this machine's clock, and iot:Connect, iot:Subscribe and iot:Receive of whoever is signed in.`,
          { cause: error },
        );
      }
      // Whoever opened it hears of the end by `closed`.
      lost.catch(() => undefined);
      return { closed, close: end };
    },
  };
}
