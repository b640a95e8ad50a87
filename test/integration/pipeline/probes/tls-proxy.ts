import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { createServer } from "node:tls";
import { selfSigned } from "./self-signed.ts";

export interface TlsProxy {
  readonly port: number;
  /** For localhost, in PEM. */
  readonly certificate: string;
  /** Servers that clients asked for. */
  readonly names: ReadonlySet<string>;
  stop(): Promise<void>;
}

/** TLS in front of a server on loopback that speaks none. */
export async function startTlsProxy(behindPort: number): Promise<TlsProxy> {
  const { cert, key } = await selfSigned();
  const sockets = new Set<Socket>();
  const names = new Set<string>();
  const server = createServer({ cert, key }, (front) => {
    if (front.servername) names.add(front.servername);
    const behind = connect(behindPort, "127.0.0.1");
    for (const socket of [front, behind]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
    }
    front.on("close", () => behind.destroy());
    behind.on("close", () => front.destroy());
    front.pipe(behind).pipe(front);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    certificate: cert,
    names,
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
