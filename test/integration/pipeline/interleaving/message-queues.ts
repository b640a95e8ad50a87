export type QueueName = "notify" | "verify" | "redeploy" | "reports" | "measure";

export interface QueuedMessage {
  readonly queue: QueueName;
  /** The same at each delivery, of a copy too. */
  readonly id: string;
  readonly body: unknown;
  readonly availableAt: number;
  readonly receives: number;
}

/** After a delivery that failed, in milliseconds. Longer than any claim of it stands, as in the template. */
const VISIBILITY_MS = 90_000;
/** After so many deliveries a message is a dead letter. */
export const MAX_RECEIVE_COUNT = 2;

/** Standard queues: each message at least once, in any order. */
export class MessageQueues {
  /** All that were ever given up. */
  readonly deadLetters: QueuedMessage[] = [];
  #waiting: QueuedMessage[] = [];
  #toReplay: QueuedMessage[] = [];
  #sent = 0;

  get waiting(): readonly QueuedMessage[] {
    return this.#waiting;
  }

  send(queue: QueueName, body: unknown, availableAt: number): void {
    const id = `${queue}-${++this.#sent}`;
    this.#waiting.push({ queue, id, body, availableAt, receives: 0 });
  }

  /** @returns one of the messages that can be received by now */
  receive(now: number, pick: number): QueuedMessage | undefined {
    const visible = this.#waiting.filter(({ availableAt }) => availableAt <= now);
    const message = visible[pick % Math.max(1, visible.length)];
    if (!message) return undefined;
    this.#waiting.splice(this.#waiting.indexOf(message), 1);
    return { ...message, receives: message.receives + 1 };
  }

  /** Gives back what failed. @returns whether it is a dead letter now */
  giveBack(message: QueuedMessage, now: number): boolean {
    const isDead = message.receives >= MAX_RECEIVE_COUNT;
    if (isDead) this.deadLetters.push(message);
    (isDead ? this.#toReplay : this.#waiting).push({ ...message, availableAt: now + VISIBILITY_MS });
    return isDead;
  }

  /** Sends the dead letters back to their queues, where each is a new message. @returns how many there were */
  replay(now: number): number {
    const letters = this.#toReplay.splice(0);
    // SQS gives a message up when its last delivery has been out for the visibility timeout.
    for (const { queue, body, availableAt } of letters) this.send(queue, body, Math.max(now, availableAt));
    return letters.length;
  }

  /** Delivers a message twice, as SQS may. */
  duplicate(pick: number, isAllowed: (message: QueuedMessage) => boolean): QueuedMessage | undefined {
    const candidates = this.#waiting.filter(isAllowed);
    const message = candidates[pick % Math.max(1, candidates.length)];
    if (message) this.#waiting.push(message);
    return message;
  }

  /** When the next message can be received. */
  nextAt(): number | undefined {
    return this.#waiting.length === 0
      ? undefined
      : Math.min(...this.#waiting.map(({ availableAt }) => availableAt));
  }
}
