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
      out.write(`${text}\n`);
    },
    note(text) {
      erase();
      err.write(`${text}\n`);
    },
    progress(text) {
      if (!err.isTTY) return;
      erase();
      if (text === "") return;
      // A line that wraps could not be erased.
      err.write(text.slice(0, (err.columns ?? DEFAULT_COLUMNS) - 1));
      isShowing = true;
    },
  };
}
