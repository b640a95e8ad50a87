import { describeFailure } from "../describe-failure.ts";
import { EXIT } from "../exit-code.ts";

/** What doctor found about one thing. "attention": it works, and somebody should look; "skipped": it cannot be told here. */
export interface Finding {
  readonly check: string;
  readonly state: "ok" | "attention" | "failed" | "skipped";
  readonly found: string;
  /** What to do; absent where nothing is. */
  readonly remedy?: string;
}

/** One thing that doctor looks at. */
export interface Check {
  readonly name: string;
  /** What it throws becomes a finding. */
  readonly run: () => Promise<readonly Finding[]>;
}

export const ok = (check: string, found: string): Finding => ({ check, state: "ok", found });
export const skipped = (check: string, found: string): Finding => ({ check, state: "skipped", found });
export const attention = (check: string, found: string, remedy: string): Finding => ({
  check,
  state: "attention",
  found,
  remedy,
});
export const failed = (check: string, found: string, remedy: string): Finding => ({
  check,
  state: "failed",
  found,
  remedy,
});

/** Runs a check. One that cannot be made is a finding too: often a permission is missing. */
export async function runCheck({ name, run }: Check): Promise<readonly Finding[]> {
  try {
    return await run();
  } catch (error) {
    const { exitCode, message } = describeFailure(error);
    const remedy =
      exitCode === EXIT.notAllowed
        ? "Allow it to whoever is signed in; docs/cli.md lists what doctor needs."
        : "Mend that, and run doctor again.";
    return [failed(name, message, remedy)];
  }
}
