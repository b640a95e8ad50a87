import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface ProcessGroupOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly onLine?: (line: string) => void;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process with all that it starts, as a container holds them. */
export interface ProcessGroup {
  /** @throws Error where the command cannot be started */
  readonly started: Promise<void>;
  /** The first process has ended, and with it, as in a container, all others. */
  readonly exited: Promise<ProcessExit>;
  signal(signal: NodeJS.Signals): void;
}

/** Groups that must not outlive this process, even where it crashes. */
const alive = new Set<number>();
process.on("exit", () => {
  for (const pid of alive) killGroup(pid, "SIGKILL");
});

export function startProcessGroup({ command, env, cwd, onLine }: ProcessGroupOptions): ProcessGroup {
  const [program = "", ...args] = command;
  const child = spawn(program === "node" ? process.execPath : program, args, {
    cwd,
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const { pid } = child;
  if (pid !== undefined) alive.add(pid);
  for (const input of [child.stdout, child.stderr]) {
    const lines = createInterface({ input });
    if (onLine) lines.on("line", onLine);
  }
  const started = new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once("error", () => resolve({ code: null, signal: null }));
    child.once("exit", (code, signal) => {
      if (pid !== undefined) {
        killGroup(pid, "SIGKILL");
        alive.delete(pid);
      }
      // The last lines come before `close`; a process that left the group could hold the pipes for ever.
      const done = () => {
        clearTimeout(timer);
        resolve({ code, signal });
      };
      const timer = setTimeout(done, 500);
      child.once("close", done);
    });
  });
  started.catch(() => {});
  return {
    started,
    exited,
    signal(signal) {
      if (pid !== undefined && alive.has(pid)) killGroup(pid, signal);
    },
  };
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended already.
  }
}
