import { KeyturnError } from "../../../shared/contract/errors.ts";

/** Nobody follows the secret any more, so nothing may be opened with a credential of it. */
export class RotationEndedError extends KeyturnError {
  override readonly name = "RotationEndedError";

  constructor() {
    super(
      "ROTATION_ENDED",
      "The rotation ended when the last of its clients was closed; make a new one by createRotatingRedis()",
    );
  }
}
