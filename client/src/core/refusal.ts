/** Why a store will not have a credential; safe to log and to report. */
export interface Refusal {
  /** The store's own code. */
  readonly code: string;
  /** A sentence without user, host or secret. */
  readonly message: string;
}
