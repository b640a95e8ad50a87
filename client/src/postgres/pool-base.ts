import pg from "pg";
import type { RotationEvents } from "../core/rotation-events.ts";

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
  ending: boolean;
  ended: boolean;
  on: Listening<this>;
  once: Listening<this>;
  off: Listening<this>;
}
/** Node's emitter takes any event; the types of pg name its own only. */
export const PoolBase = pg.Pool as unknown as new (config?: pg.PoolConfig) => OverridablePool;
