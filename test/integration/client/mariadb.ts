import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { chown, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { createConnection } from "mysql2/promise";
import { freePort } from "../../../local/stores/free-port.ts";
import {
  isReachableForAll,
  type ProcessUser,
  postgresUser,
} from "../../../local/stores/postgres-binaries.ts";
import { findServer } from "./installed-server.ts";

/** Undefined where none is installed. */
export const mariadbServer = findServer("mariadbd", "mysqld");

export interface MariaDb {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly rootPassword: string;
  /** In PEM, of its TLS; signed by itself. Undefined where TLS was not asked for. */
  readonly certificate: string | undefined;
  /** Ends the server and all its sessions, and starts it again on the same data and port. */
  restart(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

const host = "127.0.0.1";
const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const PORT_TRIES = 4;

/**
 * Starts a real MariaDB on loopback with empty data, which are gone after `stop`; set up for speed, not to survive a
 * power cut. Where we are root, it runs as `nobody`.
 *
 * @throws Error with the server's own output where it is not installed or does not come up
 */
export async function startMariaDb({ tls = false } = {}): Promise<MariaDb> {
  const installer = findServer("mariadb-install-db", "mysql_install_db");
  if (!mariadbServer || !installer) {
    throw new Error("MariaDB is not installed; on Debian: apt-get install mariadb-server");
  }
  const server = mariadbServer;
  const user = await postgresUser();
  // A lent account must be able to enter the folder; TMPDIR may be closed to it.
  const parent = !user || (await isReachableForAll(tmpdir())) ? tmpdir() : "/tmp";
  const folder = await mkdtemp(join(parent, "keyturn-mariadb-"));
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  try {
    if (user) await chown(folder, user.uid, user.gid);
    const data = join(folder, "data");
    await install(installer, data, user);
    const certificate = tls ? await makeCertificate(folder, user) : undefined;
    const start = (port: number) => launch(server, { folder, data, port, tls, user });
    let { process: running, port } = await onFreePort(start);
    const rootPassword = randomBytes(24).toString("base64url");
    await closeRoot(join(folder, "socket"), rootPassword);
    const endWithRun = () => {
      running.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    };
    process.once("exit", endWithRun);
    return {
      host,
      port,
      rootPassword,
      certificate,
      async restart() {
        await shutDown(running);
        running = await start(port);
      },
      async stop() {
        process.off("exit", endWithRun);
        await shutDown(running);
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function install(installer: string, data: string, user: ProcessUser | undefined): Promise<void> {
  const { child, output } = run(
    installer,
    [
      "--no-defaults",
      `--datadir=${data}`,
      "--auth-root-authentication-method=normal",
      "--skip-name-resolve",
      "--skip-test-db",
    ],
    user,
  );
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(`mariadb-install-db failed: ${output()}`);
}

/** A free port can be taken by another process before the server binds it: then the next one is tried. */
async function onFreePort(start: (port: number) => Promise<ChildProcess>) {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return { process: await start(port), port };
    } catch (error) {
      if (attempt === PORT_TRIES) throw error;
    }
  }
}

interface LaunchOptions {
  readonly folder: string;
  readonly data: string;
  readonly port: number;
  readonly tls: boolean;
  readonly user: ProcessUser | undefined;
}

async function launch(
  server: string,
  { folder, data, port, tls, user }: LaunchOptions,
): Promise<ChildProcess> {
  const { child, output } = run(
    server,
    [
      "--no-defaults",
      `--datadir=${data}`,
      `--socket=${join(folder, "socket")}`,
      `--pid-file=${join(folder, "pid")}`,
      `--bind-address=${host}`,
      `--port=${port}`,
      "--skip-name-resolve",
      "--innodb-buffer-pool-size=16M",
      "--innodb-flush-log-at-trx-commit=0",
      "--max-connections=300",
      ...(tls ? [`--ssl-cert=${join(folder, "cert.pem")}`, `--ssl-key=${join(folder, "key.pem")}`] : []),
    ],
    user,
  );
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!output().includes("ready for connections")) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await shutDown(child);
      throw new Error(`MariaDB did not come up on port ${port}: ${output()}`);
    }
    await setTimeout(20);
  }
  return child;
}

async function makeCertificate(folder: string, user: ProcessUser | undefined): Promise<string> {
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  // Where the host is an address, mysql2 checks the certificate for Node's default, which is localhost.
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"];
  const files = ["-keyout", key, "-out", cert];
  const { child, output } = run(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...names, ...files],
    user,
  );
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(`openssl failed: ${output()}`);
  return readFile(cert, "utf8");
}

/** The installer leaves several roots without a password. One stays, with one, for TCP. */
async function closeRoot(socketPath: string, password: string): Promise<void> {
  const root = await createConnection({ socketPath, user: "root" });
  await root.query(
    "delete from mysql.global_priv where user <> 'mariadb.sys' and not (user = 'root' and host = 'localhost')",
  );
  await root.query("flush privileges");
  await root.query("rename user 'root'@'localhost' to 'root'@'%'");
  await root.query(`alter user 'root'@'%' identified by ${root.escape(password)}`);
  await root.end();
}

async function shutDown(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  child.kill("SIGTERM");
  const giveUp = new AbortController();
  const killed = setTimeout(STOP_TIMEOUT_MS, undefined, { signal: giveUp.signal }).then(
    () => child.kill("SIGKILL"),
    () => undefined,
  );
  await closed;
  giveUp.abort();
  await killed;
}

function run(command: string, args: readonly string[], user: ProcessUser | undefined) {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" },
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
    // Its own process group: Ctrl-C in a terminal must end the tests before their database.
    detached: true,
    ...user,
  });
  let text = "";
  const collect = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-8_000);
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  return { child, output: () => text };
}
