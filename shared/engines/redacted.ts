import { inspect } from "node:util";

const MASK = "[redacted]";

/**
 * Carries a secret so that logs, JSON and `console.log` show a mask instead. Only `reveal()` gives the value:
 * call it at the last moment, where the value leaves for the store.
 *
 * @example
 * const password = new Redacted("EXAMPLE");
 * `${password}`; // "[redacted]"
 */
export class Redacted<T extends string = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
