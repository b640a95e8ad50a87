import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { runProgram } from "../../../cli/src/program.ts";
import { createTerminal } from "../../../cli/src/terminal.ts";

async function run(...args: readonly string[]) {
  let out = "";
  let err = "";
  const terminal = createTerminal(
    { write: (text: string) => (out += text) },
    { write: (text: string) => (err += text) },
  );
  const signal = new AbortController().signal;
  const exitCode = await runProgram(args, { terminal, environment: {}, stdin: Readable.from([]), signal });
  return { exitCode, out, err };
}

test.each([
  [["--nope"], "unknown option '--nope'"],
  [["nope"], "unknown command 'nope'"],
  [["rotate"], "missing required argument 'secret'"],
  [["history", "x", "--since", "yesterday"], "Give a date such as"],
  [["rotate", "x", "--timeout", "soon"], "Give a duration such as"],
  [["watch", "--channel", "http://broker"], "Give a wss://"],
  [["watch", "--channel", "--since", "1h"], "cannot be used with"],
  [["watch", "--interval", "1m", "--channel"], "cannot be used with"],
  [["rotate", "x", "--timeout", "5m", "--region", "us-east-1"], "--timeout says how long --wait waits"],
  [["status", "--local-port", "0"], "A port is 1 to 65535"],
  [["status", "--local", "--profile", "ops"], "cannot be used with"],
  [[], "Usage: keyturn"],
])("%j is wrong usage and ends with 2", async (args, said) => {
  const { exitCode, out, err } = await run(...args);
  expect(exitCode).toBe(2);
  expect(err).toContain(said);
  expect(out).toBe("");
});

test.each([
  [["status", "--nope", "--json"], "unknown option '--nope'"],
  [["--json", "rotate"], "missing required argument 'secret'"],
  [["--json"], "No command is given."],
])("%j says what is wrong as a document too", async (args, message) => {
  const { exitCode, out } = await run(...args);
  expect(exitCode).toBe(2);
  expect(JSON.parse(out)).toEqual({ error: { code: "WRONG_ARGUMENTS", message } });
});

test.each(["status", "rotate", "watch", "history", "replay", "doctor"])(
  "%s --help has examples",
  async (command) => {
    const { exitCode, out } = await run(command, "--help");
    expect(exitCode).toBe(0);
    expect(out).toMatch(new RegExp(`Examples:\\n  \\$ .*keyturn ${command}`));
    expect(out).toContain("--json");
  },
);

test("the help of all has the exit codes", async () => {
  expect((await run("--help")).out).toContain("3  no credentials, or a permission is missing");
});

test("a queue that no stage has is wrong usage, as a document where one is asked for", async () => {
  const { exitCode, out, err } = await run("replay", "nope", "--json", "--region", "us-east-1");
  expect(exitCode).toBe(2);
  expect(JSON.parse(out)).toEqual({
    error: { code: "QUEUE_UNKNOWN", message: expect.stringContaining("There is no queue nope") },
  });
  expect(err).toBe(
    "keyturn: There is no queue nope. Give one of notify, verify, redeploy, deployments, measure, reconcile, reports.\n",
  );
});

test("progress is for terminals alone, and leaves nothing behind", () => {
  let err = "";
  let out = "";
  const stdout = { write: (text: string) => (out += text) };
  const onPipe = createTerminal(stdout, { write: (text: string) => (err += text) });
  onPipe.progress("waiting");
  expect(err).toBe("");
  const onTerminal = createTerminal(stdout, {
    isTTY: true,
    columns: 8,
    write: (text: string) => (err += text),
  });
  onTerminal.progress("waiting for something");
  onTerminal.line("done");
  onTerminal.progress("");
  expect(err).toBe("waiting\r\u001b[K");
  expect(out).toBe("done\n");
});
