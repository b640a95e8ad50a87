import type { IClientOptions, MqttClient } from "mqtt";

export interface MqttClientSettings {
  readonly url: string;
  readonly clientId: string;
  readonly connectTimeoutMs: number;
  /** Lets the process exit where nothing but the connection is open. */
  readonly allowExitOnIdle: boolean;
  /** The URL of the next connect over WebSocket, where it is not always the same. */
  readonly nextUrl?: (() => string) | undefined;
}

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

/** Makes a client that waits for `connectOnce`. The package is loaded by it: who has no channel does not pay for it. */
export async function createMqttClient(settings: MqttClientSettings): Promise<MqttClient> {
  const { url, clientId, connectTimeoutMs, allowExitOnIdle, nextUrl } = settings;
  const mqtt = await import("mqtt");
  return mqtt.connect(url, {
    protocolVersion: 4,
    clean: true,
    clientId,
    connectTimeout: connectTimeoutMs,
    // A connection that is half open is noticed within one and a half of these. AWS IoT Core takes 30 seconds or more.
    keepalive: 30,
    // Both left to us: its own timer neither grows nor lets the process exit, and a signature takes its time.
    reconnectPeriod: 0,
    manualConnect: true,
    // We subscribe after each connect ourselves, to know when the subscription stands.
    resubscribe: false,
    ...(nextUrl && { transformWsUrl: nextUrl }),
    ...(allowExitOnIdle && LETTING_EXIT),
  });
}

/** One try; `close` follows where it fails. `onError` also hears what the client keeps to itself, as of a WebSocket. */
export function connectOnce(
  client: MqttClient,
  { allowExitOnIdle }: Pick<MqttClientSettings, "allowExitOnIdle">,
  onError: (error: unknown) => void,
): void {
  client.connect();
  const { stream } = client;
  stream.on("error", onError);
  if (allowExitOnIdle && "unref" in stream && typeof stream.unref === "function") stream.unref();
}
