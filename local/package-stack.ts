import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { lock } from "proper-lockfile";
import { ConfigError, KeyturnError } from "../shared/contract/errors.ts";

export const PROJECT_ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What `sls package` wrote. */
export interface PackagedStack {
  /** The CloudFormation template, not yet resolved. */
  readonly template: unknown;
  /** Path of a function's zip, by the name that the template's S3Key ends in. */
  zipPath(s3Key: string): string;
  remove(): Promise<void>;
}

/** A packaging takes ten seconds, on a busy machine a minute. */
const LONGEST_PACKAGING_MS = 180_000;

/**
 * Packages serverless.yml as a deployment does, into a folder of its own. Only one at a time in a project, whichever process
 * asks: on its way there the Serverless Framework uses the project's `.serverless` all the same.
 *
 * @param params of serverless.yml's `custom:` block, such as `{ adoptionDeadlineSeconds: "5" }`
 * @throws ConfigError naming parameters that serverless.yml does not ask for
 * @throws KeyturnError with what the Serverless Framework printed
 */
export async function packageStack(
  stage: string,
  region: string,
  params: Readonly<Record<string, string>> = {},
): Promise<PackagedStack> {
  await checkParams(Object.keys(params));
  const folder = await mkdtemp(join(tmpdir(), "keyturn-package-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  const output = join(folder, "package");
  const args = ["package", "--stage", stage, "--region", region, "--package", output];
  for (const [name, value] of Object.entries(params)) args.push("--param", `${name}=${value}`);
  const release = await lockProject();
  try {
    // The plugin takes its folder to be below the project, even where the path is absolute.
    // It also leaves folders of its own in the temporary one.
    await runServerless(args, {
      KEYTURN_BUILD_DIR: relative(PROJECT_ROOT, join(folder, "build")),
      TMPDIR: folder,
    });
    return {
      template: JSON.parse(await readFile(join(output, "cloudformation-template-update-stack.json"), "utf8")),
      zipPath: (s3Key) => join(output, s3Key.split("/").at(-1) ?? s3Key),
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  } finally {
    await release();
  }
}

/** Waits as long as ten packagings may take. A lock whose process was killed lapses. */
function lockProject(): Promise<() => Promise<void>> {
  const lockfilePath = join(PROJECT_ROOT, ".serverless.lock");
  const everyHalfSecond = { minTimeout: 500, maxTimeout: 500, retries: (10 * LONGEST_PACKAGING_MS) / 500 };
  return lock(PROJECT_ROOT, { lockfilePath, stale: 30_000, retries: everyHalfSecond });
}

/** The Serverless Framework takes a misspelt parameter without a word. */
async function checkParams(names: readonly string[]): Promise<void> {
  const included = (await readdir(join(PROJECT_ROOT, "resources"))).map((file) => join("resources", file));
  const files = ["serverless.yml", ...included].map((file) => readFile(join(PROJECT_ROOT, file), "utf8"));
  const asked = (await Promise.all(files)).join("\n").matchAll(/param:(\w+)/g);
  const known = new Set([...asked].map(([, name]) => name ?? ""));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new ConfigError(
    unknown.map((name) => `${name} is no parameter of serverless.yml, which has ${[...known].join(", ")}`),
  );
}

/** The command line of the Serverless Framework, in this Node. */
export function serverlessCommand(): string {
  const manifest = createRequire(import.meta.url).resolve("serverless/package.json");
  return join(dirname(manifest), "bin", "serverless.js");
}

async function runServerless(args: readonly string[], environment: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, [serverlessCommand(), ...args], {
    cwd: PROJECT_ROOT,
    env: { ...process.env, ...environment, SLS_TELEMETRY_DISABLED: "1", SLS_NOTIFICATIONS_MODE: "off" },
    stdio: ["ignore", "pipe", "pipe"],
    // serverless-esbuild keeps the process alive after a failure.
    timeout: LONGEST_PACKAGING_MS,
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed += chunk));
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  if (code !== 0) {
    const lines = printed.split("\n").filter((line) => !/^\s+at /.test(line));
    throw new KeyturnError("PACKAGE_FAILED", `sls package ended with ${code}:\n${lines.join("\n").trim()}`);
  }
}
