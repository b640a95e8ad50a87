/** dynalite ships no types; these are the parts that are used. */
declare module "dynalite" {
  import type { Server } from "node:http";

  export interface DynaliteOptions {
    /** Milliseconds that a table takes to become active; default 500. */
    readonly createTableMs?: number;
    readonly deleteTableMs?: number;
    readonly updateTableMs?: number;
  }

  /** A DynamoDB in memory, as an HTTP server that does not listen yet. */
  export default function dynalite(options?: DynaliteOptions): Server;
}
