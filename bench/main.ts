/**
 * Runs the benchmarks one after another, each in a process of its own: `npm run bench`, or `npm run bench -- NAME…`
 * for some of them. What begins with `--` goes to each.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const BENCHMARKS = ["throughput", "swap-latency", "rotations", "import-time", "side-by-side"];

const given = process.argv.slice(2);
const first = given.findIndex((argument) => argument.startsWith("--"));
const names = first < 0 ? given : given.slice(0, first);
const options = first < 0 ? [] : given.slice(first);

const unknown = names.filter((name) => !BENCHMARKS.includes(name));
if (unknown.length > 0) {
  console.error(`No such benchmark: ${unknown.join(", ")}. There are ${BENCHMARKS.join(", ")}.`);
  process.exit(2);
}

for (const name of names.length > 0 ? names : BENCHMARKS) {
  const file = fileURLToPath(new URL(`client/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [file, ...options], { stdio: "inherit" });
  const [code] = await once(child, "exit");
  if (code !== 0) process.exitCode = 1;
}
