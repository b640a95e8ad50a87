import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

async function listen(server: Server, sockets: Set<Socket>) {
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The stand-in listens on no port");
  return {
    url: `mqtt://127.0.0.1:${address.port}`,
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A way to a broker on which, from some moment on, nothing gets through and nothing is closed. */
export async function startFreezingRelay(brokerUrl: string) {
  const { hostname, port } = new URL(brokerUrl);
  const sockets = new Set<Socket>();
  let isFrozen = false;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect(Number(port), hostname);
    sockets.add(upstream);
    upstream.on("error", () => client.destroy());
    client.on("data", (data) => isFrozen || upstream.write(data));
    upstream.on("data", (data) => isFrozen || client.write(data));
  });
  return {
    ...(await listen(server, sockets)),
    freeze() {
      isFrozen = true;
    },
  };
}

/**
 * Takes connections, and no subscription: closes each connection that subscribes, which is what AWS IoT Core does
 * where the policy does not allow it, or answers with MQTT's failure code.
 */
export async function startDenyingBroker(by: "closing" | "failure code" = "closing") {
  const CONNECT = 0x10;
  const SUBSCRIBE = 0x82;
  const CONNACK = Buffer.from([0x20, 2, 0, 0]);
  const SUBACK = 0x90;
  const FAILURE = 0x80;
  const deniedAt: number[] = [];
  const server = createServer((socket) => {
    socket.on("data", (packet) => {
      if (packet[0] === CONNECT) socket.write(CONNACK);
      if (packet[0] !== SUBSCRIBE) return;
      deniedAt.push(performance.now());
      // The packet's id follows its type and length.
      if (by === "failure code")
        socket.write(Buffer.from([SUBACK, 3, packet[2] ?? 0, packet[3] ?? 0, FAILURE]));
      else socket.destroy();
    });
  });
  return { ...(await listen(server, new Set())), deniedAt };
}

/**
 * Takes every subscription and no report: never acknowledges one, or closes the connection on which it comes, which is
 * what AWS IoT Core does where the policy does not allow it.
 */
export async function startReportDenyingBroker(by: "silence" | "closing") {
  const PUBLISH = 0x30;
  const types: number[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    socket.on("data", (data) => {
      // Packets may share a segment: type and flags, a length of one byte or two, and so much more.
      for (let at = 0; at < data.length; ) {
        const type = (data[at] ?? 0) & 0xf0;
        const low = data[at + 1] ?? 0;
        const isLong = low >= 0x80;
        const length = isLong ? (low & 0x7f) + 128 * (data[at + 2] ?? 0) : low;
        const body = at + (isLong ? 3 : 2);
        types.push(type);
        if (type === 0x10) socket.write(Buffer.from([0x20, 2, 0, 0]));
        if (type === 0x80) socket.write(Buffer.from([0x90, 3, data[body] ?? 0, data[body + 1] ?? 0, 1]));
        if (type === 0xc0) socket.write(Buffer.from([0xd0, 0]));
        if (type === PUBLISH && by === "closing") socket.destroy();
        at = body + length;
      }
    });
  });
  return {
    ...(await listen(server, sockets)),
    /** Subscriptions and reports that came, in order. */
    heard: () =>
      types.flatMap((type) => (type === 0x80 ? ["subscribe"] : type === PUBLISH ? ["report"] : [])),
    cut() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
