import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { now } from "./now.ts";

/** What a database's owner would read in the server's log. Times in epoch milliseconds. */
export interface LoginLog {
  /** When each refused login (SQLSTATE 28P01 or 28000) was answered. */
  readonly refusedAt: readonly number[];
  /** Sessions that stood, with the process of the server and the time at which the connection came. */
  readonly sessions: readonly { readonly pid: number; readonly connectedAt: number }[];
}

/** A relay before PostgreSQL that writes down every login. */
export interface LoginRelay extends LoginLog {
  readonly port: number;
  stop(): Promise<void>;
}

/** BackendKeyData, https://www.postgresql.org/docs/current/protocol-message-formats.html: "K", its length, the process. */
const BACKEND_KEY_DATA = Buffer.from([0x4b, 0, 0, 0, 12]);

export async function startLoginRelay(store: { host: string; port: number }): Promise<LoginRelay> {
  const sockets = new Set<Socket>();
  const refusedAt: number[] = [];
  const sessions: { pid: number; connectedAt: number }[] = [];
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    const connectedAt = now();
    const upstream = connect(store.port, store.host);
    track(client);
    track(upstream);
    client.on("close", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
    const readLogin = (data: Buffer) => {
      if (data.includes("C28P01") || data.includes("C28000")) refusedAt.push(now());
      const key = data.indexOf(BACKEND_KEY_DATA);
      if (key < 0) return;
      sessions.push({ pid: data.readInt32BE(key + BACKEND_KEY_DATA.length), connectedAt });
      upstream.off("data", readLogin);
    };
    upstream.on("data", readLogin);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The relay listens on no port");
  return {
    port: address.port,
    refusedAt,
    sessions,
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
