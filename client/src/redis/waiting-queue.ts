import type { Command, Redis } from "ioredis";

interface Queue {
  readonly length: number;
  peekFront(): { readonly command: Command } | undefined;
  shift(): { readonly command: Command } | undefined;
}

/** Where ioredis keeps commands without a session, which its types do not tell of. */
interface Queues {
  /** Unanswered when their connection was lost, where there is none. */
  readonly commandQueue: Queue;
  readonly offlineQueue: Queue;
}

/** The commands of one client that wait for a session, and since when. */
export class WaitingQueue {
  readonly #queues: Queues;
  /** By `performance.now()`. */
  readonly #queuedAt = new WeakMap<Command, number>();
  #tick: number | undefined;

  constructor(client: Redis) {
    this.#queues = client as unknown as Queues;
  }

  /** When the first of them began to wait, by `performance.now()`; undefined where none waits. */
  get since(): number | undefined {
    const { commandQueue, offlineQueue } = this.#queues;
    if (commandQueue.length > 0) return Number.NEGATIVE_INFINITY;
    const first = offlineQueue.peekFront();
    return first && (this.#queuedAt.get(first.command) ?? Number.NEGATIVE_INFINITY);
  }

  /** A command begins to wait. */
  note(command: Command): void {
    if (this.#queuedAt.has(command)) return;
    // The commands of one tick share their time, so that no transaction is failed in part.
    if (this.#tick === undefined) {
      this.#tick = performance.now();
      setImmediate(() => {
        this.#tick = undefined;
      });
    }
    this.#queuedAt.set(command, this.#tick);
  }

  /** Fails those that began to wait before that moment; all of them where none is given. */
  fail(reason: Error, before = Number.POSITIVE_INFINITY): void {
    const { commandQueue, offlineQueue } = this.#queues;
    while (this.since !== undefined && this.since <= before) {
      const queue = commandQueue.length > 0 ? commandQueue : offlineQueue;
      queue.shift()?.command.reject(reason);
    }
  }
}
