import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROJECT_ROOT, serverlessCommand } from "../../../local/package-stack.ts";
import { createSampleStore, SAMPLE_VERSION_ID, type SampleStore } from "../../../local/sample-store.ts";
import { FUNCTIONS, type FunctionName, startTestRun, type TestRun } from "./local-run.ts";

const execute = promisify(execFile);

let run: TestRun;
let store: SampleStore;
let buildFolder: string;
beforeAll(async () => {
  buildFolder = await mkdtemp(join(tmpdir(), "keyturn-invoke-"));
  // `sls invoke local` has its environment from serverless.yml, so that the run must be of the stage in the samples.
  run = await startTestRun({ stage: "local" });
  store = await createSampleStore(run.postgres, run.clients.secrets);
});
afterAll(async () => {
  await run?.stop();
  await rm(buildFolder, { recursive: true, force: true });
});

const samplePath = (name: FunctionName) => `events/${name}.json`;

/** Runs the command line as a user does in a terminal that has the run's variables; gives what it prints. */
async function invokeLocal(name: FunctionName): Promise<string> {
  const args = ["invoke", "local", "-f", name, "--path", samplePath(name), "--stage", run.stage];
  const { stdout } = await execute(process.execPath, [serverlessCommand(), ...args], {
    cwd: PROJECT_ROOT,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...run.environment,
      // The plugin takes its folder to be below the project. One each: bundles of two commands must not meet.
      KEYTURN_BUILD_DIR: relative(PROJECT_ROOT, join(buildFolder, name)),
    },
    // Without its endpoint the SDK would look for credentials of the machine for minutes.
    timeout: 30_000,
  });
  return stdout;
}

test.each(FUNCTIONS)("sls invoke local runs %s on its sample, against the run", async (name) => {
  const sample = await readFile(join(PROJECT_ROOT, samplePath(name)), "utf8");
  // Reconcile is told that it is time, and of no secret.
  if (name !== "reconcile") {
    expect(sample).toContain(store.secretArn);
    expect(sample).toContain(SAMPLE_VERSION_ID);
  }

  const printed = await invokeLocal(name);
  expect(printed).toContain('"message":"Message handled"');
  expect(printed).not.toContain('"level":"ERROR"');
  expect(JSON.parse(printed.slice(printed.lastIndexOf("{\n")))).toEqual({ batchItemFailures: [] });
});
