import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { createWebSocketStream, WebSocketServer } from "ws";

export interface WebSocketListenerOptions {
  /** A free one where it is not given. */
  readonly port?: number | undefined;
  readonly path: string;
  /** What it throws is logged, and the client gets HTTP 403. */
  readonly signIn: (request: IncomingMessage) => Promise<unknown>;
  readonly onConnection: (stream: Duplex, request: IncomingMessage) => void;
  readonly log: (message: string) => void;
}

export interface WebSocketListener {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Listens on loopback for MQTT over WebSocket from clients that have signed in.
 *
 * @throws Error EADDRINUSE where the port is taken
 */
export async function startWebSocketListener(options: WebSocketListenerOptions): Promise<WebSocketListener> {
  const { path, signIn, onConnection, log } = options;
  const upgrades = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has("mqtt") ? "mqtt" : false),
  });
  const server = createServer((_request, response) => void response.writeHead(426).end());
  const sockets = new Set<Duplex>();

  server.on("upgrade", async (request, socket, head) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A client that vanishes is the client's affair; without a listener it would end the process.
    socket.on("error", () => socket.destroy());
    if (request.url?.split("?")[0] !== path) return refuse(socket, "404 Not Found");
    try {
      await signIn(request);
    } catch (error) {
      log(`MQTT sign-in: ${error instanceof Error ? error.message : String(error)}`);
      return refuse(socket, "403 Forbidden");
    }
    if (socket.destroyed) return;
    upgrades.handleUpgrade(request, socket, head, (connected) => {
      const stream = createWebSocketStream(connected);
      stream.on("error", () => stream.destroy());
      onConnection(stream, request);
    });
  });

  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The broker listens on no port");
  return {
    port: address.port,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
