import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { Redacted } from "../../shared/engines/redacted.ts";
import { type Connection, connect } from "./aws/connection.ts";
import { CommandError } from "./command-error.ts";
import { examineStage } from "./commands/doctor.ts";
import { showHistory } from "./commands/history.ts";
import { replayDeadLetters } from "./commands/replay.ts";
import { rotateSecret } from "./commands/rotate.ts";
import { createSay, type Say } from "./commands/say.ts";
import { showStatus } from "./commands/status.ts";
import { watchChannel, watchLedger } from "./commands/watch.ts";
import { describeFailure } from "./describe-failure.ts";
import { EXIT } from "./exit-code.ts";
import { parseDuration, parseSince } from "./format/time.ts";
import { EXAMPLES, EXIT_CODES } from "./help.ts";
import { findPlace, type Place, type PlaceOptions, type Stage } from "./place/place.ts";
import type { Terminal } from "./terminal.ts";

/** What the process gives the program. */
export interface Surroundings {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream;
  /** Aborts when the program is asked to end. */
  readonly signal: AbortSignal;
}

interface GlobalOptions extends PlaceOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** What the work of one command is given. */
interface Work extends Connection, Stage {
  readonly place: Place;
  readonly say: Say;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly pause: (ms: number) => Promise<void>;
}

/** A local run answers at once, and nobody pays for it. */
const LOCAL_INTERVAL_MS = 250;
const INTERVAL_MS = 2_000;
const WATCH_INTERVAL_MS = 5_000;
const DELIVERY_TIMEOUT_MS = 30_000;

function parsePort(given: string): number {
  const port = Number(given);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new InvalidArgumentError("A port is 1 to 65535.");
  }
  return port;
}

function parseChannelUrl(given: string): string {
  if (URL.canParse(given) && /^(wss?|mqtts?):$/.test(new URL(given).protocol)) return given;
  throw new InvalidArgumentError("Give a wss://, ws://, mqtts:// or mqtt:// URL.");
}

/**
 * Runs one command line.
 *
 * @param args without the names of Node and of the script
 * @returns the code to exit with: see {@link EXIT}
 */
export async function runProgram(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { terminal, environment, stdin, signal } = surroundings;
  let exitCode: number = EXIT.ok;

  const program = new Command("keyturn")
    .description(
      "Who runs on which credential; rotations by hand, history, dead letters, and what is not well.",
    )
    .option("--stage <name>", "the stage that was deployed (default: KEYTURN_STAGE, else dev)")
    .option("--region <name>", "AWS Region (default: as in the AWS CLI)")
    .option("--profile <name>", "profile of the AWS configuration")
    .addOption(
      new Option("--local", "the local run that is up on this machine").conflicts(["region", "profile"]),
    )
    .option("--local-port <port>", "which local run, by the port of its AWS endpoint", parsePort)
    .option("--json", "JSON on stdout: one document, or one line for each thing that happens")
    .option("--verbose", "where an error came from")
    .addHelpText("after", `\n${EXIT_CODES}`)
    .configureOutput({
      writeOut: (written) => terminal.line(written.trimEnd()),
      writeErr: (written) => terminal.note(written.trimEnd()),
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(--help shows how)")
    .exitOverride();

  /** Connects, does the work, and keeps its exit code. */
  const start = async (work: (work: Work) => Promise<number>): Promise<void> => {
    const { json = false, verbose = false, ...options } = program.opts<GlobalOptions>();
    let connection: Connection | undefined;
    try {
      const place = await findPlace(options, environment);
      connection = connect(place);
      exitCode = await work({
        ...connection,
        place,
        names: place.names,
        suggest: place.suggest,
        signal,
        say: createSay(terminal, json),
        now: () => new Date(),
        pause: (ms) => sleep(ms, undefined, { signal }),
      });
    } catch (error) {
      if (signal.aborted) return;
      const failure = describeFailure(error);
      exitCode = failure.exitCode;
      const { code, message, details } = failure;
      if (json) terminal.line(JSON.stringify({ error: { code, message, ...details } }));
      terminal.note(`keyturn: ${message}`);
      if (verbose) for (const stack of stacksOf(error)) terminal.note(stack);
    } finally {
      terminal.progress("");
      connection?.close();
    }
  };
  const intervalFor = ({ isLocal }: Place, onAwsMs: number) => (isLocal ? LOCAL_INTERVAL_MS : onAwsMs);

  program
    .command("status [secret]")
    .description("who runs on which version; all secrets, or one with its instances")
    .option(
      "--all",
      "instances that have ended as well, and secrets that are gone or known by their ARN alone",
    )
    .addHelpText("after", EXAMPLES.status)
    .action((secretId: string | undefined, { all }: { all?: boolean }) =>
      start((work) => showStatus({ secretId, all }, work, work.say)),
    );

  program
    .command("rotate <secret>")
    .description("begins a rotation by the secret's rotation function, or by a value of your own")
    .option("--wait", "shows adoption until everybody runs on the new version")
    .option(
      "--timeout <duration>",
      "how long to wait (default: the stage's adoption deadline and 5m)",
      parseDuration,
    )
    .option("--value-file <path>", "a new value that the store takes already; - reads it from stdin")
    .option("--force", "although the last rotation is not over")
    .addHelpText("after", EXAMPLES.rotate)
    .action(
      (
        secretId: string,
        options: { wait?: boolean; timeout?: number; valueFile?: string; force?: boolean },
      ) =>
        start(async (work) => {
          const { valueFile, force, timeout: timeoutMs } = options;
          if (timeoutMs !== undefined && !options.wait) {
            throw new CommandError(
              "TIMEOUT_WITHOUT_WAIT",
              EXIT.usage,
              "--timeout says how long --wait waits; give both, or neither.",
            );
          }
          const value = valueFile === undefined ? undefined : await readValue(valueFile, stdin);
          const wait = options.wait
            ? { timeoutMs, intervalMs: intervalFor(work.place, INTERVAL_MS) }
            : undefined;
          return rotateSecret({ secretId, value, force, wait }, work, work.say);
        }),
    );

  program
    .command("watch")
    .description("follows all rotations until Ctrl-C")
    .option("--since <when>", "begins in the past: a date, or 30m, 24h, 7d", (given) => parseSince(given))
    .option("--interval <duration>", "pause between two looks at the ledger", parseDuration)
    .addOption(
      new Option("--channel [url]", "listens to notices and reports instead of reading the ledger")
        .argParser(parseChannelUrl)
        // It hears what goes by, and nothing of before.
        .conflicts(["since", "interval"]),
    )
    .addHelpText("after", EXAMPLES.watch)
    .action((options: { since?: Date; interval?: number; channel?: string | true }) =>
      start((work) => {
        const { place, say, now } = work;
        if (options.channel !== undefined) {
          const url = options.channel === true ? undefined : options.channel;
          return watchChannel(work.channel(url), place.names.topicPrefix, work, say);
        }
        const intervalMs = options.interval ?? intervalFor(place, WATCH_INTERVAL_MS);
        return watchLedger({ since: options.since ?? now(), intervalMs }, work, say);
      }),
    );

  program
    .command("history <secret>")
    .description("who or what rotated it to which version when, and who adopted it when")
    .option("--since <when>", "a date, or 30m, 24h, 7d; 400 days unless given", (given) => parseSince(given))
    .addHelpText("after", EXAMPLES.history)
    .action((secretId: string, { since }: { since?: Date }) =>
      start((work) => showHistory({ secretId, since }, work, work.say)),
    );

  program
    .command("replay <queue>")
    .description("sends a queue's dead letters back to it")
    .option("--dry-run", "shows how many there are, and why the first were given up")
    .addHelpText("after", EXAMPLES.replay)
    .action((queue: string, { dryRun }: { dryRun?: boolean }) =>
      start((work) => replayDeadLetters({ queue, dryRun }, work.place, work, work.say)),
    );

  program
    .command("doctor")
    .description("looks at everything that a rotation needs, and says what to mend")
    .addHelpText("after", EXAMPLES.doctor)
    .action(() =>
      start((work) =>
        examineStage(work.place, { ...work, deliveryTimeoutMs: DELIVERY_TIMEOUT_MS }, work.say),
      ),
    );

  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    // Where an argument is wrong, options may not have been read to their end.
    if (args.includes("--json")) {
      const message =
        error.code === "commander.help" ? "No command is given." : error.message.replace(/^error: /, "");
      terminal.line(JSON.stringify({ error: { code: "WRONG_ARGUMENTS", message } }));
    }
    return EXIT.usage;
  }
}

/** Where an error came from, and where its causes did. */
function stacksOf(error: unknown): string[] {
  return error instanceof Error ? [error.stack ?? "", ...stacksOf(error.cause)] : [];
}

async function readValue(path: string, stdin: NodeJS.ReadableStream): Promise<Redacted> {
  const read = path === "-" ? text(stdin) : readFile(path, "utf8");
  const value = await read.catch((cause) => {
    throw new CommandError(
      "VALUE_UNREADABLE",
      EXIT.usage,
      `The value cannot be read from ${path}: ${cause.code}`,
      {
        cause,
      },
    );
  });
  // Editors and echo end a file with a line break that belongs to no credential.
  const trimmed = value.replace(/\r?\n$/, "");
  if (trimmed === "") {
    throw new CommandError(
      "VALUE_EMPTY",
      EXIT.usage,
      `There is no value in ${path}; AWSCURRENT stays as it is.`,
    );
  }
  return new Redacted(trimmed);
}
