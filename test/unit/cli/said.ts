import { createSay, type Say } from "../../../cli/src/commands/say.ts";
import { createTerminal } from "../../../cli/src/terminal.ts";

/** What a command said, by stream. */
export interface Said {
  readonly say: Say;
  readonly out: () => string[];
  readonly err: () => string[];
}

export function listen(asJson = false): Said {
  let out = "";
  let err = "";
  const terminal = createTerminal(
    { write: (text: string) => (out += text) },
    { write: (text: string) => (err += text) },
  );
  const lines = (text: string) => text.split("\n").slice(0, -1);
  return { say: createSay(terminal, asJson), out: () => lines(out), err: () => lines(err) };
}
