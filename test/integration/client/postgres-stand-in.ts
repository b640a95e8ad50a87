import { once } from "node:events";
import { createServer, type Socket } from "node:net";

/** https://www.postgresql.org/docs/current/protocol-message-formats.html */
function message(type: string, body: string | Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(Buffer.byteLength(body) + 4);
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body)]);
}

const loggedIn = Buffer.concat([message("R", Buffer.alloc(4)), message("Z", "I")]);
const answer = Buffer.concat([message("C", "SELECT 1\0"), message("Z", "I")]);
const terminated = message(
  "E",
  "SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0",
);

/**
 * Speaks enough of PostgreSQL's protocol to end a session in the very packet in which it begins, or in which a query
 * is answered: a real server does so now and then, under load.
 */
export async function startPostgresStandIn() {
  const sockets = new Set<Socket>();
  let endsWith: "login" | "answer" | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    let hasBegun = false;
    const say = (words: Buffer, moment: "login" | "answer") => {
      if (endsWith === moment) socket.end(Buffer.concat([words, terminated]));
      else socket.write(words);
    };
    socket.on("data", (data) => {
      if (!hasBegun) say(loggedIn, "login");
      else if (data.toString("latin1", 0, 1) === "Q") say(answer, "answer");
      else socket.end();
      hasBegun = true;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The stand-in listens on no port");
  return {
    port: address.port,
    endSessionsWith(moment: "login" | "answer") {
      endsWith = moment;
    },
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
