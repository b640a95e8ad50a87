import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process, told from a later one with the same id by the time of its start. Linux only: read from /proc. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
}

interface ProcessStatus extends ProcessIdentity {
  readonly parentPid: number;
  readonly isZombie: boolean;
}

const STATE = 0;
const PARENT = 1;
const START_TIME = 19;
const LISTENING = "0A";

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; the name in brackets may hold spaces. */
function readStatus(pid: number): ProcessStatus | undefined {
  const text = orNothing(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    pid,
    parentPid: Number(fields[PARENT]),
    isZombie: fields[STATE] === "Z",
    startedAt: fields[START_TIME] ?? "",
  };
}

const allPids = () =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** A process with all that it started and that still runs. */
export function processTree(root: number): ProcessIdentity[] {
  const all = allPids().flatMap((pid) => readStatus(pid) ?? []);
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid: parent } of tree) tree.push(...all.filter(({ parentPid }) => parentPid === parent));
  return tree.map(({ pid, startedAt }) => ({ pid, startedAt }));
}

export function isAlive({ pid, startedAt }: ProcessIdentity): boolean {
  const status = readStatus(pid);
  return status !== undefined && status.startedAt === startedAt && !status.isZombie;
}

/** The process whose environment holds a variable with this value. */
export function findByVariable(name: string, value: string): number | undefined {
  const variable = `${name}=${value}`;
  return allPids().find((pid) =>
    orNothing(() => readFileSync(`/proc/${pid}/environ`, "utf8"))
      ?.split("\0")
      .includes(variable),
  );
}

/** Local addresses that processes listen on, in the kernel's notation: `0100007F` is 127.0.0.1. */
export function listeningAddresses(processes: readonly ProcessIdentity[]): string[] {
  const sockets = new Set(processes.flatMap(({ pid }) => openFiles(pid)));
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === LISTENING && sockets.has(`socket:[${inode}]`))
      .map(([, local = ""]) => local.split(":")[0] ?? ""),
  );
}

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const names = orNothing(() => readdirSync(folder)) ?? [];
  return names.flatMap((name) => orNothing(() => readlinkSync(`${folder}/${name}`)) ?? []);
}

/** A process may end while it is being looked at, and another user's keeps some to itself. */
function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
