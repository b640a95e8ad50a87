import { setImmediate } from "node:timers/promises";

/** What a handler meets where its process ends: no call of it goes through any more. */
export class Crash extends Error {
  override readonly name = "Crash";
}

export type RunEnd = { readonly outcome: unknown } | { readonly failure: unknown };

/**
 * What becomes of the answer to a call that has had its effect. "lost": the caller has an error; "repeated": the SDK sends the
 * same request once more, and the caller has the second answer.
 */
export type Answer = "comes" | "lost" | "repeated";

interface ParkedCall {
  readonly name: string;
  readonly goOn: (answer: Answer) => void;
}

/**
 * One delivery of one message to one handler, which stops after each call that it makes on a port: the call has had its
 * effect, and the handler does not know yet. From there it goes on, or crashes, as the test says, whatever others do
 * in the meantime. Nothing runs but what was let go on, so that a list of choices is an interleaving.
 */
export class HandlerRun {
  readonly name: string;
  end: RunEnd | undefined;
  #parked: ParkedCall[] = [];
  #inFlight = 0;
  #isDead = false;
  readonly #calls: string[] = [];

  /** @param name for the trace */
  constructor(name: string) {
    this.name = name;
  }

  /** The calls that were made so far. */
  get calls(): readonly string[] {
    return this.#calls;
  }

  /** Begins, up to the first call. @param handle must reach the outside by {@link call} alone */
  async start(handle: () => Promise<unknown>): Promise<void> {
    void handle().then(
      (outcome) => this.#finish({ outcome }),
      (failure) => this.#finish({ failure }),
    );
    await this.#settle();
  }

  /** Makes a call on a port, and stays there until {@link goOn}. @param isRepeatable whether the SDK sends a request again */
  async call<T>(name: string, effect: () => Promise<T>, isRepeatable = true): Promise<T> {
    if (this.#isDead) throw new Crash();
    this.#calls.push(name);
    let result = await this.#take(effect);
    const answer = await new Promise<Answer>((goOn) => this.#parked.push({ name, goOn }));
    if (this.#isDead) throw new Crash();
    if (answer === "repeated" && isRepeatable) result = await this.#take(effect);
    else if (answer !== "comes") throw new Error(`The answer to ${name} is lost`);
    if (result.status === "rejected") throw result.reason;
    return result.value;
  }

  async #take<T>(effect: () => Promise<T>): Promise<PromiseSettledResult<T>> {
    this.#inFlight += 1;
    const [result] = await Promise.allSettled([effect()]);
    this.#inFlight -= 1;
    return result;
  }

  /** @param pick which of the calls that the handler made side by side comes back first */
  async goOn(pick = 0, answer: Answer = "comes"): Promise<void> {
    const [parked] = this.#parked.splice(pick % Math.max(1, this.#parked.length), 1);
    parked?.goOn(answer);
    await this.#settle();
  }

  /** The process ends; what was called has had its effect. */
  async crash(): Promise<void> {
    this.#isDead = true;
    while (!this.end) await this.goOn();
  }

  #finish(end: RunEnd): void {
    this.end = this.#isDead ? { failure: new Crash() } : end;
  }

  /** Until the handler has ended, or waits for nothing but parked calls. */
  async #settle(): Promise<void> {
    for (let turns = 0; ; ) {
      await setImmediate();
      if (this.end) return;
      if (this.#inFlight > 0) continue;
      if (this.#parked.length > 0) return;
      // What is neither in flight nor parked is a promise that resolves within a few turns, or something that is no port.
      if (++turns > 100)
        throw new Error(`${this.name} waits for something that is no port: ${this.#calls.at(-1)}`);
    }
  }
}
