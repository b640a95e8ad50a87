import type { Terminal } from "../terminal.ts";

/** How a command says what it found: as text, or as JSON on stdout and nothing else there. */
export interface Say {
  /** The one result of a command. */
  result(document: object, format: () => readonly string[]): void;
  /** One of many, as it comes: a line. */
  item(document: object, format: () => string): void;
  /** Something besides, for whoever watches. */
  note(text: string): void;
  /** What is waited for; on a terminal alone. */
  progress(text: string): void;
}

export function createSay(terminal: Terminal, asJson: boolean): Say {
  return {
    result(document, format) {
      for (const line of asJson ? [JSON.stringify(document)] : format()) terminal.line(line);
    },
    item: (document, format) => terminal.line(asJson ? JSON.stringify(document) : format()),
    note: (text) => terminal.note(text),
    progress: (text) => terminal.progress(text),
  };
}
