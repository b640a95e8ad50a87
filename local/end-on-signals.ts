/**
 * Runs a program to its end, or until SIGINT or SIGTERM asks it to end: then `signal` aborts, and what the program
 * does in its `finally` is waited for. Exits with its code; with 1 where it failed, with 130 or 143 where it was asked.
 */
export async function endOnSignals(program: (signal: AbortSignal) => Promise<number>): Promise<never> {
  const ending = new AbortController();
  const codes = { SIGINT: 130, SIGTERM: 143 } as const;
  let asked: keyof typeof codes | undefined;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      // The second time means it: whoever presses twice does not want to wait.
      if (asked) process.exit(codes[name]);
      asked = name;
      ending.abort(new Error(`Ended by ${name}`));
    });
  }
  try {
    const code = await program(ending.signal);
    process.exit(asked ? codes[asked] : code);
  } catch (error) {
    if (asked) process.exit(codes[asked]);
    console.error(error);
    process.exit(1);
  }
}
