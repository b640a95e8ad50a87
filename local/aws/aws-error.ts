/**
 * An error as an AWS service answers it: SDK clients turn `code` into the exception's name.
 *
 * @example throw new AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
 */
export class AwsError extends Error {
  readonly code: string;
  /** HTTP status; AWS answers 400 for what the caller can mend. */
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
  }
}
