import { KeyturnError, type KeyturnErrorOptions } from "../../shared/contract/errors.ts";
import type { ExitCode } from "./exit-code.ts";

/** Something that the operator can mend: the message says what is wrong and what to do. */
export class CommandError extends KeyturnError {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;

  constructor(code: string, exitCode: ExitCode, message: string, options: KeyturnErrorOptions = {}) {
    super(code, message, options);
    this.exitCode = exitCode;
  }
}
