/** A checkout's place in the row: it keeps it while it tries again, so that it is served in its turn. */
export interface ParkingTicket {
  /**
   * Resolves when it is worth trying again.
   *
   * @throws what `timeUp` gives when the time is up, or the reason with which everybody was sent away
   */
  wait(timeUp: () => unknown): Promise<void>;
  /** Must be called in the end, however it ends. A wait that is under way is given up: it settles no more. */
  leave(): void;
}

interface Waiter {
  readonly timer: NodeJS.Timeout;
  readonly wake: () => void;
  readonly fail: (reason: unknown) => void;
}

/** Checkouts that wait for a credential that logs in, in the order in which they came. */
export class Parking {
  readonly #tickets = new Map<ParkingTicket, Waiter | undefined>();

  get size(): number {
    return this.#tickets.size;
  }

  /** @param waitMs for how long the ticket is good, over all of its waits */
  enter(waitMs: number): ParkingTicket {
    const until = performance.now() + waitMs;
    const ticket: ParkingTicket = {
      wait: (timeUp) =>
        new Promise<void>((resolve, reject) => {
          const settle = (finish: () => void) => {
            clearTimeout(timer);
            this.#tickets.set(ticket, undefined);
            finish();
          };
          // Its time may have run out while it tried.
          const leftMs = Math.max(0, until - performance.now());
          const timer = setTimeout(() => settle(() => reject(timeUp())), leftMs);
          this.#tickets.set(ticket, {
            timer,
            wake: () => settle(resolve),
            fail: (reason) => settle(() => reject(reason)),
          });
        }),
      leave: () => {
        clearTimeout(this.#tickets.get(ticket)?.timer);
        this.#tickets.delete(ticket);
      },
    };
    this.#tickets.set(ticket, undefined);
    return ticket;
  }

  wakeOldest(): void {
    const oldest = [...this.#tickets.values()].find((waiter) => waiter !== undefined);
    oldest?.wake();
  }

  wakeAll(): void {
    for (const waiter of [...this.#tickets.values()]) waiter?.wake();
  }

  sendAway(reason: () => unknown): void {
    for (const waiter of [...this.#tickets.values()]) waiter?.fail(reason());
  }
}
