/** What a session holds between commands, and would lose with its connection: MULTI and WATCH that are not over. */
export class OpenTransaction {
  #isQueueing = false;
  #isWatching = false;

  /** Whether the server only queues what it is sent. */
  get isQueueing(): boolean {
    return this.#isQueueing;
  }

  get isOpen(): boolean {
    return this.#isQueueing || this.#isWatching;
  }

  /**
   * A command is sent.
   *
   * @returns whether it ends what was open
   */
  note(name: string): boolean {
    switch (name.toLowerCase()) {
      case "multi":
        this.#isQueueing = true;
        return false;
      case "watch":
        this.#isWatching = true;
        return false;
      case "unwatch":
        this.#isWatching = false;
        return !this.#isQueueing;
      case "exec":
      case "discard":
        this.reset();
        return true;
      default:
        return false;
    }
  }

  /** The connection is gone. */
  reset(): void {
    this.#isQueueing = false;
    this.#isWatching = false;
  }
}
