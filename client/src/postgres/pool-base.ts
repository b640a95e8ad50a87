import pg from "pg";
import type { RotationEvents } from "../core/rotation-events.ts";
import type { VersionPool } from "./version-pool.ts";

type PoolListener<K> = K extends "error" | "release"
  ? (error: Error, client: pg.PoolClient) => void
  : (client: pg.PoolClient) => void;

interface Listening<This> {
  <K extends keyof RotationEvents>(event: K, listener: (...args: RotationEvents[K]) => void): This;
  <K extends "connect" | "acquire" | "release" | "remove" | "error">(
    event: K,
    listener: PoolListener<K>,
  ): This;
}

/** What `RotatingPool` extends. pg-pool computes the counts; its types call them properties, which a class may not override by accessors. */
interface OverridablePool extends pg.Pool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly expiredCount: number;
  /** The option of that name. */
  readonly Promise: PromiseConstructor;
  ending: boolean;
  ended: boolean;
  on: Listening<this>;
  once: Listening<this>;
  off: Listening<this>;
}
/** Node's emitter takes any event; the types of pg name its own only. */
export const PoolBase = pg.Pool as unknown as new (config?: pg.PoolConfig) => OverridablePool;

/** `pool.options.max` may be changed at any time; a pool looks at it when it needs a connection, and we share it out. */
export function hearOfMax(options: pg.PoolOptions, onChanged: () => void): void {
  let { max } = options;
  Object.defineProperty(options, "max", {
    enumerable: true,
    get: () => max,
    set: (value: number) => {
      max = value;
      onChanged();
    },
  });
}

/** Whoever makes a client of its own of `pool.options`, as Kysely does to cancel a query, comes to where the pool is. */
export function showLogin(options: pg.PoolOptions, { address, password }: VersionPool): void {
  Object.assign(options, address);
  // Not enumerable, as in pg-pool; a function, since pg asks it for each login.
  Object.defineProperty(options, "password", { configurable: true, writable: true, value: password });
}
