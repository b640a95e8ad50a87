import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Aedes, type AedesOptions } from "aedes";
import { createIotAccess } from "./iot-access.ts";
import { type BrokerCaller, createIotSignIn } from "./iot-sign-in.ts";
import { startWebSocketListener, type WebSocketListener } from "./websocket-listener.ts";

export interface PublishOptions {
  /** 0 (at most once) or 1 (at least once); 0 where it is not given. */
  readonly qos?: 0 | 1;
  /** Kept by the broker for those that subscribe later; an empty payload removes what was kept. */
  readonly retain?: boolean;
}

export type PublishListener = (topic: string, payload: Buffer) => void;

export interface LocalBroker {
  /** `mqtt://127.0.0.1:PORT`, without sign-in */
  readonly url: string;
  /** `ws://127.0.0.1:PORT/mqtt`, for callers that sign in by SigV4 */
  readonly webSocketUrl: string;
  /** Makes a caller known, who may sign in from now on; replaces the one of the same access key id. */
  registerCaller(caller: BrokerCaller): void;
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
  /** For WebSocket. A free port where it is not given. */
  readonly webSocketPort?: number;
  /** Signatures are to be for it. Default `us-east-1`. */
  readonly region?: string;
  /** The clock by which signatures are judged. Default: this machine's. */
  readonly now?: () => Date;
  /** Closes each connection after this time, as AWS IoT Core does after 24 hours. */
  readonly connectionLifetimeMs?: number;
  readonly log?: (message: string) => void;
  /**
   * Keeps retained messages across brokers, for tests of an outage: pass the same `aedes-persistence` instance to
   * the next one. Without it they live as long as this broker.
   */
  readonly persistence?: AedesOptions["persistence"];
}

/** As AWS IoT Core has it. */
const WEBSOCKET_PATH = "/mqtt";

/**
 * Starts an MQTT 3.1.1 broker on loopback, in the place of AWS IoT Core: over WebSocket with sign-in and permissions,
 * and plain for tests and tools.
 *
 * @throws Error where a port is taken
 * @example const broker = await startBroker(); await broker.publish("a/b", "hello", { qos: 1, retain: true });
 */
export async function startBroker(options: BrokerOptions = {}): Promise<LocalBroker> {
  const { region = "us-east-1", now = () => new Date(), log = () => {}, connectionLifetimeMs } = options;
  const signIn = createIotSignIn({ region, now });
  const callers = new WeakMap<IncomingMessage, BrokerCaller>();
  const aedes = await Aedes.createBroker({
    ...createIotAccess((request) => callers.get(request), log),
    ...(options.persistence === undefined ? {} : { persistence: options.persistence }),
  });
  // As many listeners as whoever observes it wants.
  aedes.setMaxListeners(0);
  aedes.on("clientError", (client, error) => log(`MQTT client ${client.id}: ${error.message}`));
  aedes.on("connectionError", (_client, error) => log(`MQTT connection: ${error.message}`));

  function handle(connection: Duplex, request?: IncomingMessage): void {
    if (connectionLifetimeMs !== undefined) {
      const lifetime = setTimeout(() => connection.destroy(), connectionLifetimeMs);
      connection.once("close", () => clearTimeout(lifetime));
    }
    aedes.handle(connection, request);
  }

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A client that vanishes is the client's affair; without a listener it would end the process.
    socket.on("error", () => {});
    handle(socket);
  });
  async function listen(): Promise<WebSocketListener> {
    server.listen(options.port ?? 0, "127.0.0.1");
    await once(server, "listening");
    return startWebSocketListener({
      port: options.webSocketPort,
      path: WEBSOCKET_PATH,
      signIn: async (request) => callers.set(request, await signIn.callerOf(request)),
      onConnection: handle,
      log,
    });
  }
  async function stop(webSockets?: WebSocketListener): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise<void>((resolve) => aedes.close(resolve));
    // Connections that never sent CONNECT are not aedes' clients yet.
    for (const socket of sockets) socket.destroy();
    await webSockets?.close();
    await closed;
  }
  const webSockets = await listen().catch(async (error) => {
    await stop();
    throw error;
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The broker listens on no port");

  let stopping: Promise<void> | undefined;
  return {
    url: `mqtt://127.0.0.1:${address.port}`,
    webSocketUrl: `ws://127.0.0.1:${webSockets.port}${WEBSOCKET_PATH}`,
    registerCaller: signIn.register,
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
      stopping ??= stop(webSockets);
      return stopping;
    },
  };
}
