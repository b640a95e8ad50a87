/** What a command says: results on stdout, everything else on stderr. */
export interface Terminal {
  /** A line of the result. */
  line(text: string): void;
  /** Something for whoever watches: on stderr. */
  note(text: string): void;
  /** What is waited for: replaces what was said before, on a terminal alone. Empty, it takes that away. */
  progress(text: string): void;
}

/** The part of a stream that is written to. */
export interface Output {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const ERASE_LINE = "\r\u001b[K";
const DEFAULT_COLUMNS = 80;

/**
 * What is printed comes from reports, tags and messages of others: a control sequence in it could rewrite the screen, or
 * reverse a line. It is written out as JSON writes it, so that a document still says the same.
 */
function clean(text: string): string {
  return text.replaceAll(/[^\P{C}\n\t]/gu, (character) =>
    character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** @param out for results; @param err for notes and progress */
export function createTerminal(out: Output, err: Output): Terminal {
  let isShowing = false;
  const erase = () => {
    if (!isShowing) return;
    isShowing = false;
    err.write(ERASE_LINE);
  };
  return {
    line(text) {
      erase();
      out.write(`${clean(text)}\n`);
    },
    note(text) {
      erase();
      err.write(`${clean(text)}\n`);
    },
    progress(text) {
      if (!err.isTTY) return;
      erase();
      if (text === "") return;
      // A line that wraps could not be erased.
      err.write(clean(text).slice(0, (err.columns ?? DEFAULT_COLUMNS) - 1));
      isShowing = true;
    },
  };
}
