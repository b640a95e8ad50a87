import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { announceLocalRun, type LocalRunState } from "../../../cli/src/place/local-runs.ts";
import { PROJECT_ROOT } from "../../../local/package-stack.ts";
import type { TestRun } from "../run/local-run.ts";

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that goes on until it is asked to end. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout(): string;
  stderr(): string;
}

/** The command line as an operator runs it, in a process of its own. */
export interface Keyturn {
  run(args: readonly string[], input?: string): Promise<Ended>;
  /** @returns what `--json` gave */
  json(
    ...args: readonly string[]
  ): Promise<{ readonly exitCode: number | null; readonly document: Document }>;
  start(args: readonly string[], input?: string): Running;
  dispose(): Promise<void>;
}

/** What the tests look at in the documents of `--json`; each command has some of it. */
export interface Document {
  readonly versionId: string;
  readonly verdict?: string;
  readonly living: number;
  readonly count: number;
  readonly secrets: readonly { readonly secretArn: string }[];
  readonly instances: readonly object[];
  readonly notWell: readonly object[];
  readonly entries: readonly { readonly versionId: string; readonly what: string }[];
  readonly findings: readonly { readonly check: string; readonly state: string }[];
  readonly shown: readonly object[];
}

/** @param run is announced as `npm run local` announces itself, in a folder of the tests' own; with what is given here */
export async function useKeyturn(run: TestRun, changes: Partial<LocalRunState> = {}): Promise<Keyturn> {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-cli-"));
  const { region, credentials } = run.clientConfig;
  await announceLocalRun(
    {
      pid: process.pid,
      stage: run.stage,
      region,
      awsEndpoint: run.awsEndpoint,
      channelUrl: run.channelUrl,
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey,
      ...changes,
    },
    folder,
  );
  return keyturnIn(folder, () => rm(folder, { recursive: true, force: true }));
}

/** The command line with a temporary folder in which it looks for local runs. */
export function keyturnIn(folder: string, dispose: () => Promise<void>): Keyturn {
  const children = new Set<ChildProcess>();

  function start(args: readonly string[], input?: string): Running {
    const child = spawn(process.execPath, ["cli/src/main.ts", ...args], {
      cwd: PROJECT_ROOT,
      // None of vitest's variables, and none of this machine's AWS settings.
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, NODE_DISABLE_COMPILE_CACHE: "1" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    children.add(child);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.stdin.end(input);
    const ended = once(child, "close").then(([exitCode]) => {
      children.delete(child);
      return { exitCode, stdout, stderr };
    });
    return { child, ended, stdout: () => stdout, stderr: () => stderr };
  }

  return {
    run: (args, input) => start(args, input).ended,
    async json(...args) {
      const { exitCode, stdout, stderr } = await start([...args, "--json"]).ended;
      const lines = stdout.trim().split("\n");
      if (lines.length !== 1) throw new Error(`One document was expected: ${stdout}${stderr}`);
      return { exitCode, document: JSON.parse(lines[0] ?? "") };
    },
    start,
    async dispose() {
      for (const child of children) child.kill("SIGKILL");
      await dispose();
    },
  };
}
