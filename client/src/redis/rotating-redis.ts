import { type Command, Redis, type RedisOptions } from "ioredis";
import { ConfigError, type DrainTimeoutError } from "../../../shared/contract/errors.ts";
import { isRedisAuthFailure } from "../../../shared/engines/redis.ts";
import { checkHealth, type Health, type HealthOptions } from "../core/health.ts";
import type { RotationEvents } from "../core/rotation-events.ts";
import { AuthCommand } from "./auth-command.ts";
import type { Clients, SharingClient } from "./clients.ts";
import { OpenTransaction } from "./open-transaction.ts";
import { StandInOptions } from "./stand-in-options.ts";
import type { Elsewhere, VersionLogin } from "./version-login.ts";
import { WaitingQueue } from "./waiting-queue.ts";

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
type CommandItem = Parameters<Redis["handleReconnection"]>[1];

export interface RotatingRedisDeps {
  readonly clients: Clients;
  readonly elsewhere?: Elsewhere;
}

/**
 * A `Redis` of ioredis that stays the same object while the credential behind it changes. Made by
 * `createRotatingRedis`. As ioredis', but:
 * - a connection whose login is refused waits for a credential that works, and commands wait in the offline queue,
 *   each up to `authWaitMs`; then it fails with the store's own error, and the connection goes on trying;
 * - where the new credential fails after the swap, connections fall back to the one before while that drains;
 * - after a rotation the session is given the new login by AUTH, between two commands; one that subscribed under
 *   RESP2, monitors, is blocked, watches keys or is in a transaction keeps the old one until it is free or connects
 *   anew, at `drainTimeoutMs` at the latest;
 * - commands that are unanswered then fail with `DrainTimeoutError`, and are not sent again, whatever
 *   `autoResendUnfulfilledCommands` says;
 * - `duplicate()` gives a client of the same rotation, which ends with the last of them that is closed;
 * - `options` holds no password.
 */
export class RotatingRedis extends RedisBase implements SharingClient {
  readonly #clients: Clients;
  readonly #elsewhere: Elsewhere;
  /** Sent, or never to be. ioredis sends what was unanswered again when it has connected anew. */
  readonly #unrepeatable = new WeakSet<object>();
  /** Commands that wait until the connection to a former server has answered all that it was asked. */
  #held: [command: Command, target: Target][] | undefined;
  #becoming: VersionLogin | undefined;
  readonly #transaction = new OpenTransaction();
  readonly #standIn = new StandInOptions(this, (reason) => this.#waiting.fail(reason));
  readonly #waiting = new WaitingQueue(this);

  constructor(options: RedisOptions, { clients, elsewhere = {} }: RotatingRedisDeps) {
    super({ ...options, Connector: clients.connectorFor(elsewhere) });
    this.#clients = clients;
    this.#elsewhere = elsewhere;
    clients.add(this);
    this.prependListener("connecting", () => clients.add(this));
    this.prependListener("ready", () => this.follow());
    this.prependListener("close", () => this.#transaction.reset());
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
      { ...this.options, ...this.#standIn.given, ...override },
      {
        clients: this.#clients,
        elsewhere: { ...this.#elsewhere, ...(host && { host }), ...(port && { port }) },
      },
    );
    return duplicate as Duplicate<Override>;
  }

  /**
   * As ioredis'. Also ends the rotation, where no duplicate is open. While logins are refused it waits for nothing:
   * commands that wait for a session fail.
   */
  override quit(callback?: (error?: Error | null, reply?: "OK") => void): Promise<"OK"> {
    const quitting = this.#quit().finally(() => this.#clients.leave(this));
    if (callback)
      quitting.then(
        (reply) => process.nextTick(callback, null, reply),
        (error) => process.nextTick(callback, error),
      );
    return quitting;
  }

  /** As ioredis'. Also ends the rotation, where no duplicate is open; `quit()` can be waited for. */
  override disconnect(reconnect = false): void {
    // Between two connections ioredis would forget the commands that wait for the next one.
    if (!reconnect && this.status === "reconnecting") this.status = "wait";
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
    const ping = async () => (this.#transaction.isQueueing ? undefined : this.ping());
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
    if (this.status !== "ready") this.#waiting.note(command);
    const sent = super.sendCommand(command, target);
    // Not before the rest of its pipeline: that is written as a whole.
    if (this.#transaction.note(command.name)) queueMicrotask(() => this.follow());
    return sent;
  }

  /** Not for applications. ioredis shows `reconnectOnError` the arguments of what was refused: ours are a credential. */
  override handleReconnection(error: Error, item: CommandItem): void {
    if (!(item.command instanceof AuthCommand)) {
      super.handleReconnection(error, item);
      return;
    }
    Reflect.deleteProperty(error, "command");
    item.command.reject(error);
  }

  /** Gives the session the login in use, where it has another one. Not for applications. */
  follow(): void {
    const { current } = this.#clients;
    const { login } = this.#clients.connectorOf(this) ?? {};
    if (!login || login === current || this.status !== "ready" || this.#becoming === current) return;
    if (this.mode === "monitor" || this.#transaction.isOpen || this.#clients.keeps(login)) return;
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

  /** See `WaitingCommands`. Not for applications. */
  waitingSince(): number | undefined {
    return this.#waiting.since;
  }

  /** Nothing logged in for `authWaitMs`: as where ioredis is refused a login. Not for applications. */
  giveUp(reason: Error, before: number): void {
    this.#waiting.fail(reason, before);
    if (this.#waiting.since === undefined) this.recoverFromFatalError(reason, reason, {});
    else this.silentEmit("error", reason);
  }

  async #quit(): Promise<"OK"> {
    const isConnecting = this.status === "connecting" || this.status === "reconnecting";
    if (isConnecting && this.#clients.current.gate.isSuspect) {
      this.disconnect();
      return "OK";
    }
    try {
      return await super.quit();
    } catch (error) {
      // Or it would connect for ever, and nobody would follow the secret for it.
      if (this.status !== "end") this.disconnect();
      throw error;
    }
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
    const command = new AuthCommand(current.credential);
    super.sendCommand(command);
    this.#unrepeatable.add(command);
    await command.promise;
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

  #connectAnew(): void {
    this.#standIn.apply();
    super.disconnect(true);
  }
}
