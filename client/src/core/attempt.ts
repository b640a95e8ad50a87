import type { Notice } from "../../../shared/contract/notice.ts";
import type { Report, SwapTimings } from "../../../shared/contract/report.ts";
import type { Refusal } from "./refusal.ts";
import type { SecretVersion } from "./secret-source.ts";

export type Trigger = Report["trigger"];

/** One version that was tried, and how it went. */
export interface Attempt {
  readonly version: SecretVersion;
  readonly trigger: Trigger;
  readonly notice: Notice | undefined;
  /** Version that was in use before. */
  readonly former: string | undefined;
  readonly timings: SwapTimings;
  /** Why the store will not have it; absent where the version is in use now. */
  readonly refusal?: Refusal;
}

/** Why there is no new version in use after a look: kept for whoever waits for the first one. */
export interface Failure {
  /** Version that could not be used; absent where none could be read. */
  readonly versionId?: string | undefined;
  readonly refusal?: Refusal;
  readonly error: unknown;
}
