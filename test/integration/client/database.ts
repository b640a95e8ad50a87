import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { type LocalPostgres, startPostgres } from "../../../local/stores/postgres.ts";

export const DATABASE_NAME = "shop";

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** A real PostgreSQL behind a relay that counts what a database's owner would see in the log: refused logins. */
export interface Database {
  readonly port: number;
  refusedLogins(): number;
  createUser(login: Login): Promise<void>;
  setPassword(login: Login): Promise<void>;
  /** Sessions of a user that are open now. */
  sessionsOf(user: string): Promise<number>;
  /** Ends them from the server's side; gives how many there were. */
  terminateSessionsOf(user: string): Promise<number>;
  limitSessionsOf(user: string, limit: number): Promise<void>;
  /** New connections are accepted at once, and reach the server so much later; `Infinity` is never. */
  delayConnections(ms: number): void;
  /** Connections that will never reach the server. */
  heldConnections(): number;
  /** From now on nothing gets through on the connections there are, and nothing is closed: a firewall lost them. */
  freezeConnections(): void;
  /** Refuses new connections and cuts those there are. */
  cutOff(): Promise<void>;
  restore(): Promise<void>;
  stop(): Promise<void>;
}

export async function startDatabase(): Promise<Database> {
  const postgres = await startPostgres();
  const admin = new pg.Pool({
    host: postgres.host,
    port: postgres.port,
    user: postgres.superuser,
    password: postgres.superuserPassword,
    database: postgres.superuser,
    max: 1,
    idleTimeoutMillis: 0,
  });
  admin.on("error", () => undefined);
  await admin.query(`create database ${DATABASE_NAME}`);
  const relay = await startRelay(postgres);
  const setPassword = async ({ user, password }: Login) => {
    await admin.query(`alter role ${pg.escapeIdentifier(user)} password ${pg.escapeLiteral(password)}`);
  };
  return {
    port: relay.port,
    refusedLogins: relay.refusedLogins,
    async createUser(login) {
      await admin.query(`create role ${pg.escapeIdentifier(login.user)} login`);
      await setPassword(login);
    },
    setPassword,
    async sessionsOf(user) {
      const { rows } = await admin.query(
        "select count(*)::int as n from pg_stat_activity where usename = $1",
        [user],
      );
      return rows[0].n;
    },
    async terminateSessionsOf(user) {
      const { rowCount } = await admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1",
        [user],
      );
      return rowCount ?? 0;
    },
    async limitSessionsOf(user, limit) {
      await admin.query(`alter role ${pg.escapeIdentifier(user)} connection limit ${limit}`);
    },
    delayConnections: relay.delayConnections,
    heldConnections: relay.heldConnections,
    freezeConnections: relay.freezeConnections,
    cutOff: relay.close,
    restore: relay.open,
    async stop() {
      await admin.end();
      await relay.close();
      await postgres.stop();
    },
  };
}

async function startRelay(postgres: LocalPostgres) {
  const sockets = new Set<Socket>();
  let refused = 0;
  let delayMs = 0;
  let held = 0;
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer(async (client) => {
    track(client);
    if (delayMs === Number.POSITIVE_INFINITY) {
      held += 1;
      client.on("close", () => {
        held -= 1;
      });
      return;
    }
    if (delayMs > 0) await setTimeout(delayMs);
    const upstream = connect(postgres.port, postgres.host);
    track(upstream);
    client.on("close", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
    if (client.destroyed) upstream.destroy();
    client.pipe(upstream);
    upstream.pipe(client);
    // Field C of an ErrorResponse: https://www.postgresql.org/docs/current/protocol-error-fields.html
    upstream.on("data", (data) => {
      if (data.includes("C28P01") || data.includes("C28000")) refused += 1;
    });
  });
  const listen = async (port: number) => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  await listen(0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The relay listens on no port");
  const { port } = address;
  return {
    port,
    refusedLogins: () => refused,
    heldConnections: () => held,
    freezeConnections() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    delayConnections(ms: number) {
      delayMs = ms;
    },
    open: () => listen(port),
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
