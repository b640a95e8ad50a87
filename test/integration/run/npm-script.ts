import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_ROOT } from "../../../local/package-stack.ts";
import { isAlive, type ProcessIdentity, processTree } from "./process-tree.ts";

/** A script of package.json that runs as a user runs it, in a process group and with a temporary folder of its own. */
export interface NpmScript {
  readonly child: ChildProcess;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  stdout(): string;
  stderr(): string;
  /** What it left in its temporary folder. */
  filesLeft(): Promise<readonly string[]>;
  /** Those that it ever started and that still run. */
  processesLeft(): readonly ProcessIdentity[];
  /** All that runs below it now, itself included. */
  processes(): readonly ProcessIdentity[];
  /** Ends whatever a failed test left. */
  dispose(): Promise<void>;
}

const WATCH_MS = 20;

export async function startNpmScript(name: string, ...args: readonly string[]): Promise<NpmScript> {
  const temporary = await mkdtemp(join(tmpdir(), "npm-script-"));
  // PostgreSQL does not run as root, and must be able to enter its folder.
  await chmod(temporary, 0o755);
  const child = spawn("npm", ["run", "--silent", name, "--", ...args], {
    cwd: PROJECT_ROOT,
    // None of vitest's variables: what is tested is what a user's shell gives it. npm's own cache is npm's affair.
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      TMPDIR: temporary,
      NODE_DISABLE_COMPILE_CACHE: "1",
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const exited = once(child, "close").then(([code, signal]) => ({ code, signal }));
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const { pid = 0 } = child;
  const seen = new Map<string, ProcessIdentity>();
  const look = () => {
    const tree = processTree(pid);
    for (const one of tree) seen.set(`${one.pid} ${one.startedAt}`, one);
    return tree;
  };
  const watching = setInterval(look, WATCH_MS);
  const processesLeft = () => [...seen.values()].filter(isAlive);
  return {
    child,
    exited,
    stdout: () => stdout,
    stderr: () => stderr,
    filesLeft: () => readdir(temporary),
    processes: look,
    processesLeft,
    async dispose() {
      clearInterval(watching);
      for (const left of processesLeft()) process.kill(left.pid, "SIGKILL");
      await exited;
      await rm(temporary, { recursive: true, force: true });
    },
  };
}
