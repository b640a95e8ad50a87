import { KeyturnError } from "../shared/contract/errors.ts";

/** A terminal sends Ctrl-C to npm and to what it runs, and npm passes its own on: that echo is not a second Ctrl-C. */
const ECHO_MS = 500;

/**
 * Runs a program to its end, or until SIGINT or SIGTERM asks it to end: then `signal` aborts, and what the program
 * does in its `finally` is waited for. Exits with its code; with 1 where it failed, with 130 or 143 where it was asked.
 */
export async function endOnSignals(program: (signal: AbortSignal) => Promise<number>): Promise<never> {
  const ending = new AbortController();
  const codes = { SIGINT: 130, SIGTERM: 143 } as const;
  let asked: keyof typeof codes | undefined;
  let askedAt = 0;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (asked && performance.now() - askedAt < ECHO_MS) return;
      // The second time means it: whoever presses twice does not want to wait.
      if (asked) process.exit(codes[name]);
      asked = name;
      askedAt = performance.now();
      ending.abort(new Error(`Ended by ${name}`));
    });
  }
  try {
    const code = await program(ending.signal);
    process.exit(asked ? codes[asked] : code);
  } catch (error) {
    if (asked) process.exit(codes[asked]);
    // Our own errors say what to do; of any other the way it came is the best that there is.
    console.error(error instanceof KeyturnError ? error.message : error);
    process.exit(1);
  }
}
