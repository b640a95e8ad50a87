import { Command, Redis, type RedisOptions } from "ioredis";
import { ConfigError, type DrainTimeoutError } from "../../../shared/contract/errors.ts";
import { isRedisAuthFailure } from "../../../shared/engines/redis.ts";
import { checkHealth, type Health, type HealthOptions } from "../core/health.ts";
import type { RotationEvents } from "../core/rotation-events.ts";
import type { Clients } from "./clients.ts";
import { authArguments } from "./log-in.ts";
import type { Elsewhere, VersionLogin } from "./version-login.ts";

/** So that the clients of a whole fleet do not connect anew in the same moment. */
const RECONNECT_SPREAD_MS = 100;

type Listening = <K extends keyof RotationEvents>(
  event: K,
  listener: (...args: RotationEvents[K]) => void,
) => unknown;

/** Node's emitter takes any event; this gives ours their types. */
interface RotationEmitter {
  readonly on: Listening;
  readonly once: Listening;
  readonly off: Listening;
}

const RedisBase = Redis as unknown as new (options: RedisOptions) => Redis & RotationEmitter;

declare const plain: Redis;
/** By its options, a duplicate may map replies otherwise. */
type Duplicate<Override extends Partial<RedisOptions> | undefined> = ReturnType<
  typeof plain.duplicate<Override>
> &
  RotatingRedis;

type Target = Parameters<Redis["sendCommand"]>[1];

export interface RotatingRedisDeps {
  readonly clients: Clients;
  readonly elsewhere?: Elsewhere;
}

/**
 * A `Redis` of ioredis that stays the same object while the credential behind it changes. Made by
 * `createRotatingRedis`. As ioredis', but:
 * - a connection whose login is refused waits up to `authWaitMs` for a credential that works, and commands wait in
 *   the offline queue; then all that wait fail with the store's own error, and it goes on trying;
 * - after a rotation the session is given the new login by AUTH, between two commands; one that subscribed under
 *   RESP2, monitors, is blocked or in a transaction keeps the old one until it is free or connects anew, at
 *   `drainTimeoutMs` at the latest;
 * - commands that are unanswered then fail with `DrainTimeoutError`, and are not sent again, whatever
 *   `autoResendUnfulfilledCommands` says;
 * - `duplicate()` gives a client of the same rotation, which ends with the last of them that is closed;
 * - `options` holds no password.
 */
export class RotatingRedis extends RedisBase {
  readonly #clients: Clients;
  readonly #elsewhere: Elsewhere;
  /** Sent, or never to be. ioredis sends what was unanswered again when it has connected anew. */
  readonly #unrepeatable = new WeakSet<object>();
  /** Commands that wait until the connection to a former server has answered all that it was asked. */
  #held: [command: Command, target: Target][] | undefined;
  #becoming: VersionLogin | undefined;
  #isInTransaction = false;
  /** The options that another one stands in for, while a connection that we ended is closing. */
  #setAside: Pick<RedisOptions, "retryStrategy" | "maxRetriesPerRequest"> | undefined;

  constructor(options: RedisOptions, { clients, elsewhere = {} }: RotatingRedisDeps) {
    super({ ...options, Connector: clients.connectorFor(elsewhere) });
    this.#clients = clients;
    this.#elsewhere = elsewhere;
    if (this.status !== "wait") clients.add(this);
    this.prependListener("connecting", () => clients.add(this));
    this.prependListener("ready", () => this.follow());
    this.prependListener("close", () => {
      this.#isInTransaction = false;
    });
    this.prependListener("end", () => clients.delete(this));
  }

  /**
   * A client of the same rotation: for subscriptions, blocking commands, transactions.
   *
   * @throws ConfigError where it is given a credential of its own
   */
  override duplicate<Override extends Partial<RedisOptions> | undefined = undefined>(
    override?: Override,
  ): Duplicate<Override> {
    const { host, port, username, password, Connector } = override ?? {};
    if (username ?? password ?? Connector) {
      throw new ConfigError([
        "username, password, Connector: not taken; a duplicate logs in as the rotation does",
      ]);
    }
    const duplicate = new RotatingRedis(
      { ...this.options, ...this.#setAside, ...override },
      {
        clients: this.#clients,
        elsewhere: { ...this.#elsewhere, ...(host && { host }), ...(port && { port }) },
      },
    );
    return duplicate as Duplicate<Override>;
  }

  /** As ioredis'. Also ends the rotation, where no duplicate is open. */
  override quit(callback?: (error?: Error | null, reply?: "OK") => void): Promise<"OK"> {
    const quitting = super.quit().finally(() => this.#clients.leave(this));
    if (callback)
      quitting.then(
        (reply) => process.nextTick(callback, null, reply),
        (error) => process.nextTick(callback, error),
      );
    return quitting;
  }

  /** As ioredis'. Also ends the rotation, where no duplicate is open; `quit()` can be waited for. */
  override disconnect(reconnect = false): void {
    super.disconnect(reconnect);
    if (!reconnect) void this.#clients.leave(this);
  }

  /**
   * Asks Redis for an answer, and tells which version is in use and how we hear of the next. Never throws. A client
   * with a blocking command under way cannot answer: ask another one of the same rotation.
   *
   * @example const { status } = await redis.health({ timeoutMs: 1000 });
   */
  health(options?: HealthOptions): Promise<Health> {
    // What is sent inside of a transaction becomes a part of it.
    const ping = async () => (this.#isInTransaction ? undefined : this.ping());
    return checkHealth(this.#clients.rotation, ping, options);
  }

  override sendCommand(command: Command, target?: Target): unknown {
    if (this.#unrepeatable.has(command)) {
      command.reject(new Error("Connection is closed."));
      return command.promise;
    }
    if (this.#held) {
      this.#held.push([command, target]);
      return command.promise;
    }
    const sent = super.sendCommand(command, target);
    // A transaction that is sent as one pipeline leaves no room for a command between.
    if (target === undefined) this.#noteTransaction(command.name);
    return sent;
  }

  /** Gives the session the login in use, where it has another one. Not for applications. */
  follow(): void {
    const { current } = this.#clients;
    const { login } = this.#clients.connectorOf(this) ?? {};
    if (!login || login === current || this.status !== "ready" || this.#becoming === current) return;
    if (this.mode === "monitor" || this.#isInTransaction) return;
    if (!login.isOfSameServerAs(current)) void this.#moveToOtherServer();
    else if (this.mode === "normal") void this.#become(current);
  }

  /** Ends the connection; ioredis connects anew. What is unanswered fails. Not for applications. */
  cut(reason: DrainTimeoutError): void {
    const unanswered = this.commandQueue.toArray().map(({ command }) => command);
    for (const command of unanswered) this.#unrepeatable.add(command);
    // An answer that is on its way still counts.
    this.once("close", () => {
      for (const command of unanswered) command.reject(reason);
    });
    this.#connectAnew();
  }

  /** Nothing logged in for `authWaitMs`: as where ioredis is refused a login. Not for applications. */
  giveUp(reason: Error): void {
    this.recoverFromFatalError(reason, reason, {});
  }

  async #become(current: VersionLogin): Promise<void> {
    const connector = this.#clients.connectorOf(this);
    const { stream } = this;
    this.#becoming = current;
    try {
      // Takes no place at the gate: behind a blocking command it would keep it from those that log in.
      const login = current.gate.begin();
      try {
        await this.#authenticate(current);
        login.succeeded();
        if (this.stream === stream && !stream.destroyed) connector?.belongsTo(current);
      } catch (error) {
        login.failed(error);
        if (isRedisAuthFailure(error)) void this.#clients.rotation.loginRefused();
      }
    } catch {
      // The credential is under suspicion by now; the session keeps the one that it has.
    } finally {
      if (this.#becoming === current) this.#becoming = undefined;
    }
  }

  async #authenticate(current: VersionLogin): Promise<void> {
    const command = new Command("auth", authArguments(current.credential), { replyEncoding: "utf8" });
    super.sendCommand(command);
    this.#unrepeatable.add(command);
    try {
      await command.promise;
    } catch (error) {
      // ioredis adds the command, whose arguments are the credential.
      if (error instanceof Error) Reflect.deleteProperty(error, "command");
      throw error;
    }
  }

  /** Commands of this moment go to the new server; those before are answered by the former one. */
  async #moveToOtherServer(): Promise<void> {
    if (this.#held) return;
    const held: [Command, Target][] = [];
    this.#held = held;
    const { stream } = this;
    await new Promise<void>((resolve) => {
      // After ioredis has read what the data say.
      const look = () => {
        if (this.commandQueue.length > 0 && !stream.destroyed) return;
        stream.off("data", look).off("close", look);
        resolve();
      };
      stream.on("data", look).on("close", look);
      look();
    });
    this.#held = undefined;
    if (this.stream === stream && !stream.destroyed) this.#connectAnew();
    for (const [command, target] of held) this.sendCommand(command, target);
  }

  /** A connection that we end is no failure: it counts as no try, and ioredis shall not take it for the end. */
  #connectAnew(): void {
    if (!this.#setAside) {
      const { retryStrategy, maxRetriesPerRequest } = this.options;
      const setAside = { retryStrategy, maxRetriesPerRequest };
      this.#setAside = setAside;
      this.options.retryStrategy = () => Math.random() * RECONNECT_SPREAD_MS;
      this.options.maxRetriesPerRequest = null;
      this.once("close", () => {
        this.#setAside = undefined;
        Object.assign(this.options, setAside);
      });
    }
    super.disconnect(true);
  }

  #noteTransaction(name: string): void {
    switch (name.toLowerCase()) {
      case "multi":
        this.#isInTransaction = true;
        break;
      case "exec":
      case "discard":
        this.#isInTransaction = false;
        this.follow();
    }
  }
}
