import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { Aedes, type AedesOptions } from "aedes";

export interface PublishOptions {
  /** 0 (at most once) or 1 (at least once); 0 where it is not given. */
  readonly qos?: 0 | 1;
  /** Kept by the broker for those that subscribe later; an empty payload removes what was kept. */
  readonly retain?: boolean;
}

export type PublishListener = (topic: string, payload: Buffer) => void;

export interface LocalBroker {
  /** `mqtt://127.0.0.1:PORT` */
  readonly url: string;
  /** Resolves when the broker has taken the message. */
  publish(topic: string, payload: string | Uint8Array, options?: PublishOptions): Promise<void>;
  /** Hears every message that clients or `publish` send; `$SYS` topics are the broker's own and left out. */
  onPublish(listener: PublishListener): void;
  /** Disconnects all clients and closes the port. May be called again. */
  stop(): Promise<void>;
}

export interface BrokerOptions {
  /** A free port where it is not given. */
  readonly port?: number;
  readonly log?: (message: string) => void;
  /**
   * Keeps retained messages across brokers, for tests of an outage: pass the same `aedes-persistence` instance to
   * the next one. Without it they live as long as this broker.
   */
  readonly persistence?: AedesOptions["persistence"];
}

/**
 * Starts an MQTT 3.1.1 broker on loopback, in the place of AWS IoT Core.
 *
 * @throws Error where the port is taken
 * @example const broker = await startBroker(); await broker.publish("a/b", "hello", { qos: 1, retain: true });
 */
export async function startBroker(options: BrokerOptions = {}): Promise<LocalBroker> {
  const log = options.log ?? (() => {});
  const aedes = await Aedes.createBroker({
    ...(options.persistence === undefined ? {} : { persistence: options.persistence }),
  });
  aedes.on("clientError", (client, error) => log(`MQTT client ${client.id}: ${error.message}`));
  aedes.on("connectionError", (_client, error) => log(`MQTT connection: ${error.message}`));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A client that vanishes is the client's affair; without a listener it would end the process.
    socket.on("error", () => {});
    aedes.handle(socket);
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    await new Promise<void>((resolve) => aedes.close(resolve));
    throw error;
  }
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The broker listens on no port");

  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise<void>((resolve) => aedes.close(resolve));
    // Connections that never sent CONNECT are not aedes' clients yet.
    for (const socket of sockets) socket.destroy();
    await closed;
  }
  return {
    url: `mqtt://127.0.0.1:${address.port}`,
    publish: (topic, payload, { qos = 0, retain = false } = {}) =>
      new Promise<void>((resolve, reject) => {
        const packet = {
          cmd: "publish" as const,
          topic,
          payload: Buffer.from(payload),
          qos,
          retain,
          dup: false,
        };
        aedes.publish(packet, (error) => (error ? reject(error) : resolve()));
      }),
    onPublish(listener) {
      aedes.on("publish", ({ topic, payload }) => {
        if (!topic.startsWith("$SYS/")) listener(topic, Buffer.from(payload));
      });
    },
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}
