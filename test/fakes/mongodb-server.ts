import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { BSON, type Document } from "mongodb";
import { type Command, readCommands } from "./mongodb-wire.ts";
import { type Challenge, challenge, type StoredPassword, storePassword, userOf } from "./scram-sha-256.ts";

export interface MongoLogin {
  readonly user: string;
  readonly password: string;
}

/**
 * Stands in for a MongoDB server, since none can be installed here: a replica set of one member that speaks enough of the
 * wire protocol for the official driver. Logins are checked for real. As a server does, it lets a session live when
 * its user's password changes.
 */
export interface MongoStandIn {
  readonly port: number;
  setPassword(login: MongoLogin): void;
  dropUser(user: string): void;
  /** Logins that were refused. */
  refusedLogins(): number;
  acceptedLogins(user: string): number;
  /** Open sessions of a user. */
  sessionsOf(user: string): number;
  /** All open sockets, those of the driver's monitors among them. */
  openSockets(): number;
  killSessionsOf(user: string): void;
  /** Everything that was ever inserted, in the order in which it came; a second time is seen. */
  inserted(): readonly Document[];
  /** Commands by this name are not answered from now on; `resume` answers them. */
  hold(command: string): void;
  held(command: string): number;
  resume(command: string): void;
  stop(): Promise<void>;
}

interface Session {
  readonly socket: Socket;
  user?: string | undefined;
  login?: { readonly user: string; readonly challenge: Challenge } | undefined;
}

const AUTHENTICATION_FAILED = {
  ok: 0,
  code: 18,
  codeName: "AuthenticationFailed",
  errmsg: "Authentication failed.",
};
const UNAUTHORIZED = { ok: 0, code: 13, codeName: "Unauthorized", errmsg: "Command requires authentication" };
const NO_LOGIN_NEEDED = new Set(["hello", "ismaster", "isMaster", "saslStart", "saslContinue"]);

export async function startMongoStandIn(): Promise<MongoStandIn> {
  const processId = new BSON.ObjectId();
  const users = new Map<string, StoredPassword>();
  const sessions = new Set<Session>();
  const accepted: string[] = [];
  const inserted: Document[] = [];
  const heldBack = new Map<string, (() => void)[]>();
  let refused = 0;

  function beginLogin(session: Session, payload: string): Document {
    const user = userOf(payload);
    // As a server does: an unknown user is refused after its proof, like a wrong password.
    const begun = challenge(payload, users.get(user) ?? storePassword("nobody-EXAMPLE"));
    session.login = { user, challenge: begun };
    return { conversationId: 1, done: false, payload: new BSON.Binary(Buffer.from(begun.serverFirst)) };
  }

  function endLogin(session: Session, payload: string): Document {
    const { login } = session;
    const signature = login?.challenge.verify(payload);
    session.login = undefined;
    if (!login || signature === undefined) {
      refused += 1;
      return AUTHENTICATION_FAILED;
    }
    session.user = login.user;
    accepted.push(login.user);
    return { ok: 1, conversationId: 1, done: true, payload: new BSON.Binary(Buffer.from(signature)) };
  }

  function hello(session: Session, { speculativeAuthenticate, saslSupportedMechs }: Document): Document {
    return {
      ok: 1,
      helloOk: true,
      isWritablePrimary: true,
      ismaster: true,
      maxBsonObjectSize: 16_777_216,
      maxMessageSizeBytes: 48_000_000,
      maxWriteBatchSize: 100_000,
      minWireVersion: 0,
      maxWireVersion: 21,
      logicalSessionTimeoutMinutes: 30,
      localTime: new Date(),
      setName: "rs0",
      hosts: [`127.0.0.1:${port}`],
      primary: `127.0.0.1:${port}`,
      me: `127.0.0.1:${port}`,
      topologyVersion: { processId, counter: BSON.Long.ZERO },
      ...(saslSupportedMechs && { saslSupportedMechs: ["SCRAM-SHA-256"] }),
      ...(speculativeAuthenticate && {
        speculativeAuthenticate: beginLogin(session, textOf(speculativeAuthenticate.payload)),
      }),
    };
  }

  function answerOf(session: Session, document: Document): Document {
    const [name = ""] = Object.keys(document);
    if (!session.user && !NO_LOGIN_NEEDED.has(name)) return UNAUTHORIZED;
    switch (name) {
      case "hello":
      case "ismaster":
      case "isMaster":
        return hello(session, document);
      case "saslStart":
        return { ok: 1, ...beginLogin(session, textOf(document.payload)) };
      case "saslContinue":
        return endLogin(session, textOf(document.payload));
      case "ping":
      case "endSessions":
        return { ok: 1 };
      case "insert":
        inserted.push(...document.documents);
        return { ok: 1, n: document.documents.length };
      case "find": {
        const ns = `${document.$db}.${document.find}`;
        return { ok: 1, cursor: { id: BSON.Long.ZERO, ns, firstBatch: [{ user: session.user }] } };
      }
      default:
        return { ok: 0, code: 59, codeName: "CommandNotFound", errmsg: `no such command: '${name}'` };
    }
  }

  function serve(session: Session, command: Command): void {
    const [name = ""] = Object.keys(command.document);
    const answer = (moreToCome = false) => {
      const reply = answerOf(session, command.document);
      if (command.isAnswerWanted) command.answer(reply, moreToCome);
    };
    const { maxAwaitTimeMS } = command.document;
    const waiting = heldBack.get(name);
    if (waiting) waiting.push(answer);
    else if (typeof maxAwaitTimeMS === "number") streamTo(session, maxAwaitTimeMS, () => answer(true));
    else answer();
  }

  const server = createServer((socket) => {
    const session: Session = { socket };
    sessions.add(session);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sessions.delete(session));
    readCommands(socket, (command) => serve(session, command));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The stand-in listens on no port");
  const { port } = address;
  const sessionsOf = (user: string) => [...sessions].filter((session) => session.user === user);

  return {
    port,
    setPassword: ({ user, password }) => void users.set(user, storePassword(password)),
    dropUser: (user) => void users.delete(user),
    refusedLogins: () => refused,
    acceptedLogins: (user) => accepted.filter((name) => name === user).length,
    sessionsOf: (user) => sessionsOf(user).length,
    openSockets: () => sessions.size,
    killSessionsOf(user) {
      for (const { socket } of sessionsOf(user)) socket.destroy();
    },
    inserted: () => inserted,
    hold: (command) => void heldBack.set(command, heldBack.get(command) ?? []),
    held: (command) => heldBack.get(command)?.length ?? 0,
    resume(command) {
      const waiting = heldBack.get(command) ?? [];
      heldBack.delete(command);
      for (const answer of waiting) answer();
    },
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const { socket } of sessions) socket.destroy();
      await closed;
    },
  };
}

/**
 * As a server does: a monitor's hello is answered when the topology changes, which it never does here, and every
 * `maxAwaitTimeMs`. So a driver that takes us for lost, say for a login that was refused, waits as long to find us.
 */
function streamTo({ socket }: Session, maxAwaitTimeMs: number, answer: () => void): void {
  const timer = setInterval(answer, maxAwaitTimeMs);
  socket.once("close", () => clearInterval(timer));
}

function textOf(payload: { readonly buffer?: Uint8Array } | Uint8Array): string {
  return Buffer.from(payload instanceof Uint8Array ? payload : (payload.buffer ?? [])).toString();
}
