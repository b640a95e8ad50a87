import { KeyturnError } from "../../../shared/contract/errors.ts";

/** The user's own check will not have a credential that logs in. */
export class CheckFailedError extends KeyturnError {
  override readonly name = "CheckFailedError";

  /** @param code the store's own, where it was the store that answered */
  constructor(cause: unknown, code: string | number | undefined) {
    super("CHECK_FAILED", `The check of the new credential failed${code ? ` (${code})` : ""}`, { cause });
  }
}
