import { execFile } from "node:child_process";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { inPairs, type Pairs } from "./timing.ts";
import type { Variants } from "./variants.ts";

const run = promisify(execFile);

/** What Lambda does before the first invocation: imports the handler's module, in a fresh process. In milliseconds. */
export async function timeInit(
  { deployed, bare }: Variants,
  environment: Readonly<Record<string, string>>,
  rounds: number,
): Promise<Pairs> {
  return inPairs(
    rounds,
    () => timeImport(deployed, environment),
    () => timeImport(bare, environment),
  );
}

async function timeImport(path: string, environment: Readonly<Record<string, string>>): Promise<number> {
  const script = `
    const startedAt = performance.now();
    await import(${JSON.stringify(pathToFileURL(path).href)});
    console.log(performance.now() - startedAt);
    process.exit();`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], {
    env: environment,
  });
  const ms = Number(stdout);
  if (!Number.isFinite(ms)) throw new Error(`${path} printed while it was imported: ${stdout}`);
  return ms;
}
