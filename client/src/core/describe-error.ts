import { KeyturnError } from "../../../shared/contract/errors.ts";

/** Names and codes only: a driver's message may carry more than we would write. */
export function describeError(error: unknown): { code?: string; reason: string } {
  if (!(error instanceof Error)) return { reason: String(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return {
    ...(code === undefined ? {} : { code }),
    reason: error instanceof KeyturnError ? error.message : error.name,
  };
}
