import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { announceLocalRun, findLocalRuns, type LocalRunState } from "../../../cli/src/place/local-runs.ts";
import { PROJECT_ROOT } from "../../../local/package-stack.ts";
import { eventually } from "../run/local-run.ts";
import { keyturnIn } from "./keyturn.ts";

let root: string;
let folder: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "keyturn-runs-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
afterEach(() => rm(folder, { recursive: true, force: true }));

async function emptyFolder(): Promise<string> {
  folder = join(root, "folder");
  await mkdir(folder);
  return folder;
}

const state = (changes: Partial<LocalRunState> = {}): LocalRunState => ({
  pid: process.pid,
  stage: "local",
  region: "us-east-1",
  awsEndpoint: "http://127.0.0.1:4566",
  channelUrl: "ws://127.0.0.1:8080/mqtt",
  accessKeyId: "LOCALEXAMPLE",
  secretAccessKey: "first-EXAMPLE",
  ...changes,
});

test("a run is found while it is up; its file is its owner's alone, and goes with it", async () => {
  const here = await emptyFolder();
  const withdraw = await announceLocalRun(state(), here);
  expect(await findLocalRuns(here)).toEqual([state()]);
  const { mode } = await stat(join(here, "keyturn-local-4566.json"));
  expect(mode & 0o777).toBe(0o600);
  await withdraw();
  expect(await readdir(here)).toEqual([]);
});

test("what a killed run left behind is passed over, and replaced by the next on its port", async () => {
  const here = await emptyFolder();
  // Above the highest process id that Linux gives out.
  await announceLocalRun(state({ pid: 2 ** 30 }), here);
  expect(await findLocalRuns(here)).toEqual([]);
  await announceLocalRun(state({ stage: "mine" }), here);
  expect(await findLocalRuns(here)).toEqual([state({ stage: "mine" })]);
});

test("a link that stands in the file's place is replaced, not followed", async () => {
  const here = await emptyFolder();
  const elsewhere = join(here, "elsewhere");
  await writeFile(elsewhere, "untouched");
  await symlink(elsewhere, join(here, "keyturn-local-4566.json"));
  await announceLocalRun(state(), here);
  expect(await readFile(elsewhere, "utf8")).toBe("untouched");
});

test("a file that others can read, or that is of another form, is not trusted", async () => {
  const here = await emptyFolder();
  await writeFile(join(here, "keyturn-local-1.json"), JSON.stringify(state()), { mode: 0o644 });
  await writeFile(join(here, "keyturn-local-2.json"), "half writ", { mode: 0o600 });
  await writeFile(join(here, "keyturn-local-3.json"), JSON.stringify({ pid: process.pid }), { mode: 0o600 });
  expect(await findLocalRuns(here)).toEqual([]);
});

test("npm run local is found by --local as soon as it says that it is ready, and leaves no file", async () => {
  const here = await emptyFolder();
  // PostgreSQL does not run as root, and must be able to enter its folder.
  await Promise.all([root, here].map((path) => chmod(path, 0o755)));
  const local = spawn(process.execPath, ["local/main.ts", "--json"], {
    cwd: PROJECT_ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: here, NODE_DISABLE_COMPILE_CACHE: "1" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exited = once(local, "exit");
  try {
    const [line] = await once(createInterface({ input: local.stdout }), "line");
    const { secretArn } = JSON.parse(line);
    const keyturn = keyturnIn(here, async () => undefined);
    await eventually(async () => {
      const { document } = await keyturn.json("status", "orders/db", "--local");
      expect(document).toMatchObject({ secretArn, verdict: "accepted" });
    });
  } finally {
    local.kill("SIGTERM");
    await exited;
  }
  expect(await readdir(here)).toEqual([]);
});
