/** Time to import `keyturn/pg` in a fresh process, against what a service that does the same by hand imports. */
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";
import { buildPackage } from "../../client/build.ts";
import { formatSpread, interleave, median, ratios, spread } from "./measure.ts";
import { publish } from "./publish.ts";

const run = promisify(execFile);
const root = new URL("../../", import.meta.url);
const SECRETS_MANAGER = "@aws-sdk/client-secrets-manager";
const PEERS = ["pg", SECRETS_MANAGER];
/** Inside the repository, so that the packages it needs are found. */
const BUILT = new URL("node_modules/.cache/keyturn-bench/", root);

async function timeToImport(modules: readonly string[]): Promise<number> {
  const imports = modules.map((module) => `import(${JSON.stringify(module)})`);
  const script = `
    const startedAt = performance.now();
    await Promise.all([${imports.join(", ")}]);
    console.log(performance.now() - startedAt);
    process.exit();`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: fileURLToPath(root),
  });
  return Number(stdout);
}

/** The package as it is published, of the sources as they are now. */
async function builtEntry(): Promise<string> {
  await buildPackage(fileURLToPath(BUILT));
  return new URL("esm/pg.js", BUILT).href;
}

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "20" },
    entry: { type: "string" },
  },
});
const entry = values.entry === undefined ? await builtEntry() : pathToFileURL(values.entry).href;
try {
  const times = await interleave(
    {
      "pg + client-secrets-manager": () => timeToImport(PEERS),
      "pg alone": () => timeToImport(["pg"]),
      "keyturn/pg": () => timeToImport([entry]),
      "keyturn/pg, and what a pool loads": () => timeToImport([entry, SECRETS_MANAGER]),
      "the same with a channel": () => timeToImport([entry, SECRETS_MANAGER, "mqtt"]),
      "keyturn/pg from source": () => timeToImport(["keyturn/pg"]),
    },
    Number(values.rounds),
  );
  const base = times["pg + client-secrets-manager"];
  const rows = Object.entries(times).map(([what, taken]) => ({
    what,
    ms: formatSpread(spread(taken), 0),
    ratio: formatSpread(spread(ratios(taken, base)), 2),
  }));
  const notes = [
    `Medians of ${values.rounds} interleaved rounds, a process each; keyturn/pg is ${values.entry ?? "the package as it is published"}.`,
  ];
  publish({ title: "Import time", notes, rows }, values.json);
  if (!Number.isFinite(median(base))) throw new Error("No import was timed");
} finally {
  await rm(BUILT, { recursive: true, force: true });
}
