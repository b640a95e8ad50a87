import { lstat, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod/mini";
import { CommandError } from "../command-error.ts";
import { EXIT } from "../exit-code.ts";

/** What a local run tells the command line: where it is, and the keys of its operator. They end with the run. */
export const LocalRunState = z.object({
  pid: z.int(),
  stage: z.string(),
  region: z.string(),
  awsEndpoint: z.url(),
  channelUrl: z.url(),
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
});
export type LocalRunState = z.infer<typeof LocalRunState>;

const FILE_NAME = /^keyturn-local-(\d+)\.json$/;
const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/**
 * Writes where a local run is into a file that nobody else can read, named after the port of its AWS endpoint.
 *
 * @param folder the machine's temporary folder unless given
 * @returns takes it away again
 */
export async function announceLocalRun(
  state: LocalRunState,
  folder = tmpdir(),
): Promise<() => Promise<void>> {
  const path = join(folder, `keyturn-local-${portOf(state)}.json`);
  // A run that was killed leaves its file. It is replaced, never opened: somebody else may have put a link there.
  await rm(path, { force: true });
  await writeFile(path, JSON.stringify(state), { mode: OWNER_ONLY, flag: "wx" });
  return () => rm(path, { force: true });
}

/** The local runs of this user that are up. */
export async function findLocalRuns(folder = tmpdir()): Promise<LocalRunState[]> {
  const names = (await readdir(folder)).filter((name) => FILE_NAME.test(name));
  const states = await Promise.all(names.map((name) => readState(join(folder, name))));
  return states.flatMap((state) => (state && isAlive(state.pid) ? [state] : []));
}

/** Which one, where several are up. */
export interface LocalRunChoice {
  readonly stage?: string | undefined;
  /** Of the AWS endpoint. */
  readonly port?: number | undefined;
}

/** @throws CommandError where none is up that fits, or it is not clear which */
export function chooseLocalRun(
  runs: readonly LocalRunState[],
  { stage, port }: LocalRunChoice = {},
): LocalRunState {
  const [run, ...others] = runs.filter(
    (one) => (stage ?? one.stage) === one.stage && (port ?? portOf(one)) === portOf(one),
  );
  const all = runs.map((one) => `${portOf(one)} (stage ${one.stage})`).join(", ");
  if (!run) {
    const wanted = `${stage === undefined ? "" : ` of stage ${stage}`}${port === undefined ? "" : ` on port ${port}`}`;
    throw new CommandError(
      "LOCAL_RUN_NOT_FOUND",
      EXIT.notReachable,
      `No local run${wanted} is up. ${all ? `There are: ${all}.` : "Start one by npm run local."}`,
    );
  }
  if (others.length > 0) {
    throw new CommandError(
      "LOCAL_RUN_AMBIGUOUS",
      EXIT.usage,
      `Several local runs are up; say which by --local-port: ${all}.`,
    );
  }
  return run;
}

const portOf = ({ awsEndpoint }: LocalRunState) => Number(new URL(awsEndpoint).port);

/** Keys are taken from files of one's own alone. */
async function readState(path: string): Promise<LocalRunState | undefined> {
  try {
    const { uid, mode } = await lstat(path);
    if (uid !== process.getuid?.() || (mode & OTHERS) !== 0) return undefined;
    return z.parse(LocalRunState, JSON.parse(await readFile(path, "utf8")));
  } catch {
    // It went away, is half written, or is of another release.
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
