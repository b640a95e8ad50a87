#!/usr/bin/env node
import { runProgram } from "./program.ts";
import { createTerminal } from "./terminal.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

const ending = new AbortController();
let asked: keyof typeof SIGNALS | undefined;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    // The second time means it.
    if (asked) process.exit(SIGNALS[name]);
    asked = name;
    ending.abort();
  });
}
// Whoever reads has seen enough, as `head` has.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

const code = await runProgram(process.argv.slice(2), {
  terminal: createTerminal(process.stdout, process.stderr),
  environment: process.env,
  stdin: process.stdin,
  signal: ending.signal,
});
process.exitCode = asked ? SIGNALS[asked] : code;
