import { EventEmitter } from "node:events";

/** As much of a `pg.Client` as a pool needs. Answers every query, unless it is one of those that are to fail. */
export class StandInClient extends EventEmitter {
  static readonly opened: StandInClient[] = [];
  /** How many of the next clients fail their queries. */
  static failing = 0;
  readonly connection = { stream: { destroy: () => undefined } };
  readonly asked: string[] = [];
  readonly #fails: boolean;
  /** pg-pool looks at it when a client is given back. */
  readonly _queryable = true;

  constructor() {
    super();
    this.#fails = StandInClient.failing > 0;
    if (this.#fails) StandInClient.failing -= 1;
    StandInClient.opened.push(this);
  }

  connect(callback: (error: Error | null) => void): void {
    process.nextTick(callback, null);
  }

  async query(text: string): Promise<unknown> {
    this.asked.push(text);
    if (this.#fails) throw new Error("No room for the catalog");
    return { rows: [] };
  }

  ref(): void {}
  unref(): void {}

  end(callback: () => void = () => undefined): void {
    this.emit("end");
    callback();
  }
}
