import type { Redis, RedisOptions } from "ioredis";

/** So that the clients of a whole fleet do not connect anew in the same moment. */
const RECONNECT_SPREAD_MS = 100;

export type StoodInFor = Pick<RedisOptions, "retryStrategy" | "maxRetriesPerRequest" | "enableOfflineQueue">;

/**
 * A connection that we end is no failure: it counts as no try, ioredis shall not take it for the end, and commands
 * wait for the next one even where they may not wait for one that is lost.
 */
export class StandInOptions {
  readonly #client: Redis;
  readonly #failQueue: (reason: Error) => void;
  #given: StoodInFor | undefined;

  /** @param failQueue called where commands may not wait any longer, since the next connection failed */
  constructor(client: Redis, failQueue: (reason: Error) => void) {
    this.#client = client;
    this.#failQueue = failQueue;
  }

  /** What the application gave; undefined where it is what counts. */
  get given(): StoodInFor | undefined {
    return this.#given;
  }

  /** To be called before the connection is ended. */
  apply(): void {
    if (this.#given) return;
    const client = this.#client;
    const { options } = client;
    const { retryStrategy, maxRetriesPerRequest, enableOfflineQueue } = options;
    this.#given = { retryStrategy, maxRetriesPerRequest, enableOfflineQueue } as StoodInFor;
    options.retryStrategy = () => Math.random() * RECONNECT_SPREAD_MS;
    options.maxRetriesPerRequest = null;
    options.enableOfflineQueue = true;
    client.once("close", () => {
      Object.assign(options, { retryStrategy, maxRetriesPerRequest });
      const settle = () => {
        client.off("ready", settle).off("close", settle).off("end", settle);
        this.#given = undefined;
        Object.assign(options, { enableOfflineQueue });
        if (enableOfflineQueue || client.status === "ready") return;
        // As ioredis says it.
        this.#failQueue(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
      };
      client.on("ready", settle).on("close", settle).on("end", settle);
    });
  }
}
