import { CredentialRejectedError } from "../../../shared/contract/errors.ts";
import type { Failure } from "./attempt.ts";
import { describeError } from "./describe-error.ts";

export interface Neither {
  readonly secretId: string;
  readonly versionId: string | undefined;
  readonly refused: unknown;
  readonly failure: Failure;
}

/** What is in use is refused, and what should follow it has a fault of its own: whoever mends it needs both. */
export function neitherIsUsable({ secretId, versionId, refused, failure }: Neither): CredentialRejectedError {
  const next = failure.versionId ? `version ${failure.versionId}` : "the version that should follow it";
  return new CredentialRejectedError(
    `Secret ${secretId}: version ${versionId} is refused (${codeOf(refused)}), and ${next} cannot be used (${codeOf(failure.error)})`,
    { cause: new AggregateError([refused, failure.error]) },
  );
}

function codeOf(error: unknown): string {
  const { code, reason } = describeError(error);
  return code ?? reason;
}
