import type { SwapTimings } from "../../../shared/contract/report.ts";
import type { Trigger } from "./attempt.ts";
import type { Refusal } from "./refusal.ts";

interface OfVersion {
  readonly secretId: string;
  readonly secretArn: string;
  readonly versionId: string;
}

/** There is a version that is not in use yet; it is tried next. */
export interface RotationDetected extends OfVersion {
  /** What made us look. */
  readonly trigger: Trigger;
  /** When the version became current, where a notice told. */
  readonly currentSince?: string;
  /** W3C trace context of the notice. */
  readonly traceparent?: string;
}

/** The version is in use; a fresh login with it has worked. */
export interface Swapped extends RotationDetected {
  readonly previousVersionId: string | undefined;
  readonly timings: SwapTimings;
}

/** The store will not have the version; the one in use stays. */
export interface Rejected extends RotationDetected {
  readonly timings: SwapTimings;
  readonly reason: Refusal;
}

/** Nothing is open any more of a version that was in use. Comes again where checkouts fell back to it since. */
export interface Drained {
  readonly secretId: string;
  readonly versionId: string;
  readonly drainMs: number;
  /** Connections that were still held at the deadline and were closed; 0 where all came back in time. */
  readonly cutOff: number;
}

/** No channel: new versions are found by the poll and by failed logins only. */
export interface Degraded {
  readonly secretId: string;
  readonly reason: string;
}

/** The channel is back, and the secret was read since. */
export interface Recovered {
  readonly secretId: string;
}

/** The store refused a login. Counts towards `maxLoginTries`. */
export interface LoginRefused {
  readonly secretId: string;
}

/** Events of one rotating resource. Listeners run in the tick of the step; what they throw is logged and goes no further. */
export interface RotationEvents {
  "rotation-detected": [event: RotationDetected];
  swapped: [event: Swapped];
  rejected: [event: Rejected];
  drained: [event: Drained];
  degraded: [event: Degraded];
  recovered: [event: Recovered];
  "login-refused": [event: LoginRefused];
}
