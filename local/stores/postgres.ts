import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { KeyturnError } from "../../shared/contract/errors.ts";
import { freePort } from "./free-port.ts";
import { isReachableForAll, locatePostgres, type ProcessUser, postgresUser } from "./postgres-binaries.ts";

export interface LocalPostgres {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly superuser: string;
  readonly superuserPassword: string;
  readonly pid: number;
  /** Ends the server and removes its data. May be called again. */
  stop(): Promise<void>;
}

interface Server {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  /** The end of what it wrote, for error messages. */
  output(): string;
}

const host = "127.0.0.1";
const superuser = "postgres";
const READY_TIMEOUT_MS = 20_000;
const PORT_TRIES = 4;
/** Fast shutdown ends sessions, immediate shutdown skips the last checkpoint, and the kernel has the last word. */
const SHUTDOWN = [
  ["SIGINT", 5_000],
  ["SIGQUIT", 2_000],
  ["SIGKILL", 2_000],
] as const;

/**
 * Starts a real PostgreSQL 18 on loopback with empty data, as root or as an ordinary user. Its data live in a
 * temporary folder and are gone after `stop`; it is set up for speed, not to survive a power cut.
 *
 * @param options `port` where it must be a certain one; a free one otherwise
 * @throws Error with the server's own output where it does not come up
 * @example
 * const postgres = await startPostgres();
 * try { … } finally { await postgres.stop(); }
 */
export async function startPostgres(options: { readonly port?: number } = {}): Promise<LocalPostgres> {
  const user = await postgresUser();
  const folder = await mkdtemp(join(await temporaryFolder(user), "keyturn-postgres-"));
  try {
    if (user) await chown(folder, user.uid, user.gid);
    const binaries = await locatePostgres(user, folder);
    const data = join(folder, "data");
    const superuserPassword = randomBytes(24).toString("base64url");
    await initialize(binaries.initdb, data, superuserPassword, user);
    const start = (port: number) => startServer(binaries.postgres, data, port, superuserPassword, user);
    const { server, port } = await onPort(options.port, start);
    // A run that crashes must not leave the server behind either.
    const endWithRun = () => {
      server.child.kill("SIGKILL");
      try {
        rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
      } catch {
        // Its processes are still going down; there is no time left to wait for them.
      }
    };
    process.once("exit", endWithRun);
    let stopping: Promise<void> | undefined;
    return {
      host,
      port,
      superuser,
      superuserPassword,
      pid: server.child.pid ?? 0,
      stop() {
        process.off("exit", endWithRun);
        stopping ??= shutDown(server).finally(() => removeFolder(folder));
        return stopping;
      },
    };
  } catch (error) {
    await removeFolder(folder);
    throw error;
  }
}

/** A lent account must be able to enter the folder; TMPDIR may be closed to it. */
async function temporaryFolder(user: ProcessUser | undefined): Promise<string> {
  const candidates = user ? [tmpdir(), "/tmp", "/var/tmp"] : [tmpdir()];
  for (const candidate of candidates) {
    if (!user || (await isReachableForAll(candidate).catch(() => false))) return candidate;
  }
  throw new Error(`PostgreSQL runs as nobody, which may enter none of ${candidates.join(", ")}. Set TMPDIR.`);
}

async function initialize(
  initdb: string,
  data: string,
  password: string,
  user: ProcessUser | undefined,
): Promise<void> {
  const passwordFile = `${data}.password`;
  await writeFile(passwordFile, password, { mode: 0o600 });
  try {
    if (user) await chown(passwordFile, user.uid, user.gid);
    const settings = [
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--no-locale",
      "--no-sync",
      "--no-instructions",
    ];
    const server = launch(
      initdb,
      ["-D", data, `--username=${superuser}`, `--pwfile=${passwordFile}`, ...settings],
      user,
    );
    await server.exited;
    if (server.child.exitCode !== 0) throw new Error(`initdb failed: ${server.output()}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** A free port can be taken by another process before the server binds it: then the next one is tried. */
async function onPort(
  given: number | undefined,
  start: (port: number) => Promise<Server>,
): Promise<{ server: Server; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(given);
    try {
      return { server: await start(port), port };
    } catch (error) {
      if (given !== undefined || attempt === PORT_TRIES) throw error;
    }
  }
}

async function startServer(
  postgres: string,
  data: string,
  port: number,
  password: string,
  user: ProcessUser | undefined,
): Promise<Server> {
  const settings = {
    listen_addresses: host,
    unix_socket_directories: "",
    max_connections: "200",
    fsync: "off",
    synchronous_commit: "off",
    full_page_writes: "off",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = launch(postgres, ["-D", data, "-p", String(port), ...flags], user);
  try {
    await acceptsLogin(server, port, password);
    return server;
  } catch (error) {
    await shutDown(server);
    throw error;
  }
}

/** Ready is a login with the password that only this server knows: another server may hold the port. */
async function acceptsLogin(server: Server, port: number, password: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let last: unknown;
  while (Date.now() < deadline) {
    if (hasExited(server.child))
      throw new KeyturnError(
        "POSTGRES_FAILED",
        `PostgreSQL ended at start on port ${port}: ${server.output()}`,
      );
    const client = new pg.Client({
      host,
      port,
      user: superuser,
      password,
      database: superuser,
      // Whoever else holds the port may accept and never answer.
      connectionTimeoutMillis: 500,
    });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      last = error;
      await delay(20);
    }
  }
  const message = `PostgreSQL took no login within ${READY_TIMEOUT_MS} ms: ${server.output()}`;
  throw new KeyturnError("POSTGRES_FAILED", message, { cause: last });
}

function launch(command: string, args: readonly string[], user: ProcessUser | undefined): Server {
  const child = spawn(command, args, {
    // Messages in English whatever the machine speaks, and nothing of the caller's PG* variables.
    env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" },
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
    // Its own process group: Ctrl-C in a terminal must end the services before their database.
    detached: true,
    ...user,
  });
  let output = "";
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const exited = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", (error) => {
      output += error.message;
      resolve();
    });
  });
  return { child, exited, output: () => output.trim() };
}

async function shutDown({ child, exited }: Server): Promise<void> {
  for (const [signal, waitMs] of SHUTDOWN) {
    if (hasExited(child)) break;
    child.kill(signal);
    const giveUp = new AbortController();
    await Promise.race([exited, delay(waitMs, undefined, { signal: giveUp.signal }).catch(() => {})]);
    giveUp.abort();
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
