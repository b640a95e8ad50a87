import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { freePort } from "../../../local/stores/free-port.ts";
import { findServer } from "./installed-server.ts";

export const REDIS_SERVER = findServer("redis-server", "valkey-server");

const READY_TIMEOUT_MS = 10_000;
const PORT_TRIES = 4;

/** A real Redis on loopback, with an administrator of its own. */
export interface RedisServer {
  readonly port: number;
  /** Logged in as the default user, who may do everything and has no password. */
  readonly admin: Redis;
  acl(...words: string[]): Promise<unknown>;
  /** Logins that were refused since the server started. */
  refusedLogins(): Promise<number>;
  /** `CLIENT LIST` of one user. */
  sessionsOf(user: string): Promise<{ readonly id: string; readonly cmd: string }[]>;
  /** Ends the server; users and their passwords are kept for `start`. */
  halt(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedis(): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-redis-"));
  const users = join(folder, "users.acl");
  await writeFile(users, "user default on nopass ~* &* +@all\n");
  let { child, port } = await launchOnFreePort(folder);
  const endWithRun = () => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", endWithRun);
  const admin = new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: null, retryStrategy: () => 20 });
  admin.on("error", () => undefined);
  const halt = async () => {
    await admin.call("ACL", "SAVE");
    await end(child);
  };
  return {
    port,
    admin,
    acl: (...words) => admin.call("ACL", ...words),
    async refusedLogins() {
      const stats = await admin.info("commandstats");
      return Number(/^cmdstat_auth:.*failed_calls=(\d+)/m.exec(stats)?.[1] ?? 0);
    },
    async sessionsOf(user) {
      const list = String(await admin.client("LIST"));
      return list
        .split("\n")
        .map((line) => Object.fromEntries(line.split(" ").map((pair) => pair.split("=", 2))))
        .filter((session) => session.user === user)
        .map(({ id, cmd }) => ({ id, cmd }));
    },
    halt,
    async start() {
      child = await launch(port, folder);
    },
    async stop() {
      process.off("exit", endWithRun);
      admin.disconnect();
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launchOnFreePort(folder: string): Promise<{ child: ChildProcess; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return { child: await launch(port, folder), port };
    } catch (error) {
      if (attempt === PORT_TRIES) throw error;
    }
  }
}

async function launch(port: number, folder: string): Promise<ChildProcess> {
  if (!REDIS_SERVER) throw new Error("redis-server is not installed");
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    dir: folder,
    aclfile: join(folder, "users.acl"),
    save: "",
    appendonly: "no",
  };
  const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(REDIS_SERVER, words, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout?.on("data", (data) => {
    output += data;
  });
  child.stderr?.resume();
  const giveUpAt = performance.now() + READY_TIMEOUT_MS;
  while (!output.includes("Ready to accept connections")) {
    if (child.exitCode !== null || performance.now() > giveUpAt) {
      child.kill("SIGKILL");
      throw new Error(`redis-server did not come up:\n${output.slice(-2_000)}`);
    }
    await delay(10);
  }
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}
