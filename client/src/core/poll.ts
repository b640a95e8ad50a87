/** Does something from time to time; the interval is asked for anew each time, and shortened by up to a tenth. */
export class Poll {
  readonly #work: () => void;
  readonly #intervalMs: () => number;
  #timer: NodeJS.Timeout | undefined;

  constructor(work: () => void, intervalMs: () => number) {
    this.#work = work;
    this.#intervalMs = intervalMs;
  }

  /** Waits from now on, for as long as the interval is now. */
  restart(): void {
    clearTimeout(this.#timer);
    const jitter = 0.9 + Math.random() * 0.1;
    this.#timer = setTimeout(() => {
      this.#work();
      this.restart();
    }, this.#intervalMs() * jitter);
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
