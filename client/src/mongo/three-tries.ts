import { createBackoff, pause } from "../core/backoff.ts";

const TRIES = 3;
const BETWEEN_TRIES = { firstMs: 1_000, capMs: 2_000 };

export interface Tries {
  /** Says that another try would fare no better. */
  readonly isFinal: (error: unknown) => boolean;
  /** Ends the wait for another try. */
  readonly stopped: AbortSignal;
}

/**
 * Three tries, about one and two seconds apart, jittered. For a store that is away for a moment; a credential that was
 * refused gets no more quick tries, which could lock the account.
 *
 * @throws what the last try threw
 */
export async function threeTries(
  attempt: () => Promise<unknown>,
  { isFinal, stopped }: Tries,
): Promise<void> {
  const backoff = createBackoff(BETWEEN_TRIES);
  for (let tries = 1; ; tries += 1) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (tries === TRIES || stopped.aborted || isFinal(error)) throw error;
    }
    await pause(backoff.next(), stopped);
  }
}
