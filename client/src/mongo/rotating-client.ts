import { EventEmitter } from "node:events";
import type { Db, DbOptions, MongoClient } from "mongodb";
import { KeyturnError } from "../../../shared/contract/errors.ts";
import { isMongoAuthFailure } from "../../../shared/engines/mongodb.ts";
import { createBackoff, pause } from "../core/backoff.ts";
import { checkHealth, type Health, type HealthOptions } from "../core/health.ts";
import type { LoginBudget } from "../core/login-gate.ts";
import { neitherIsUsable } from "../core/neither-usable.ts";
import { Parking, type ParkingTicket } from "../core/parking.ts";
import type { Rotation } from "../core/rotation.ts";
import type { RotationEvents } from "../core/rotation-events.ts";
import { isConnectionLost, type VersionClient } from "./version-client.ts";

const RECOVERY = { firstMs: 50, capMs: 1_500 };
const noop = () => undefined;

export interface RotatingClientDeps {
  readonly rotation: Rotation<VersionClient>;
  readonly budget: Pick<LoginBudget, "left" | "retryAfterMs">;
  readonly authWaitMs: number;
  /** Resolves when what was closed has let go of its sockets. */
  readonly settled: () => Promise<void>;
}

/**
 * Holds the one `MongoClient` of the process, and puts another in its place when the credential is rotated. Made by
 * `createRotatingClient`. The holder stays the same object; what it hands out does not, so ask it each time:
 * a client, a database or a collection that was kept works until the grace period (`drainTimeoutMs`) is nearly over,
 * and is closed then.
 *
 * While the logins of a new credential fail and the one before may still be valid (another user, another host), the
 * one before is handed out.
 *
 * It emits the events of the rotation. Those of the driver come from the `MongoClient`; listen anew on `swapped`.
 */
export class RotatingClient extends EventEmitter<RotationEvents> {
  readonly #deps: RotatingClientDeps;
  readonly #parking = new Parking();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  #recovering: VersionClient | undefined;
  #warnedOf: VersionClient | undefined;
  #refusedAt = 0;

  constructor(deps: RotatingClientDeps) {
    super();
    this.#deps = deps;
    deps.rotation.emitBy(this);
  }

  /**
   * The client to use now. Do not close it.
   *
   * @throws KeyturnError `CLIENT_CLOSED` after `close()`
   */
  getClient(): MongoClient {
    return this.#serving().handOut();
  }

  /**
   * A database of the client to use now.
   *
   * @param name default: the one that the secret or the options name, else `test`
   * @throws KeyturnError `CLIENT_CLOSED` after `close()`
   * @example await holder.getDatabase("shop").collection("orders").insertOne(order);
   */
  getDatabase(name?: string, options?: DbOptions): Db {
    return this.getClient().db(name, options);
  }

  /**
   * Runs operations with a client that stays open until they are done or the grace period is over. Where a login is
   * refused before any of them has reached the store, they wait up to `authWaitMs` for a credential that works, and
   * are run again with it; where no connection can be had, with the credential before, while that may be valid. What
   * may have reached the store is never run again.
   *
   * That is certain for operations that await each other. Of those that run beside each other, one that is under way
   * when another one's login is refused is not seen.
   *
   * @throws what the operations throw; the driver's own error where no credential works within `authWaitMs`
   * @example const order = await holder.withClient((client) => client.db("shop").collection("orders").findOne({ _id }));
   */
  async withClient<T>(operation: (client: MongoClient) => Promise<T>): Promise<T> {
    let ticket: ParkingTicket | undefined;
    try {
      for (;;) {
        const serving = this.#serving();
        if (serving.isRefused) {
          const refused = serving.failure;
          ticket ??= this.#parking.enter(this.#deps.authWaitMs);
          void this.#recover(serving);
          await ticket.wait(() => this.#refusalOf(refused));
          continue;
        }
        const outcome = await serving.run(operation);
        if ("value" in outcome) return outcome.value;
        if (outcome.wasSent || !this.#mayTryAgain(serving, outcome.error)) throw outcome.error;
      }
    } finally {
      ticket?.leave();
    }
  }

  /**
   * Pings the store, and tells which version is in use and how we hear of the next. Never throws.
   *
   * @example const { status } = await holder.health({ timeoutMs: 1000 });
   */
  health(options?: HealthOptions): Promise<Health> {
    return checkHealth(this.#deps.rotation, async () => this.#serving().ping(options?.timeoutMs), options);
  }

  /**
   * Waits for the callbacks of `withClient` that run, at most for the grace period, then closes every client and the
   * channel. Callbacks that wait for a credential are rejected. May be called again.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Takes waiting callbacks over to a new current client. Not for applications. */
  follow(): void {
    this.#parking.wakeAll();
  }

  /** The store has refused a login of this client. Not for applications. */
  refused(client: VersionClient): void {
    this.#refusedAt = performance.now();
    if (client === this.#deps.rotation.current) void this.#recover(client);
  }

  /** A client whose logins failed has logged in. Not for applications. */
  recovered(client: VersionClient): void {
    if (client === this.#warnedOf) this.#warnedOf = undefined;
    this.#parking.wakeAll();
  }

  /** The client to use now: that of the credential in use, or of the one before where its logins fail. */
  #serving(): VersionClient {
    const { current } = this.#deps.rotation;
    if (this.#closing.signal.aborted || !current) throw closed();
    if (current.failure === undefined) return current;
    return this.#formerInsteadOf(current) ?? current;
  }

  #formerInsteadOf(current: VersionClient): VersionClient | undefined {
    const former = this.#deps.rotation.fallBack();
    // A user has one password: where the new one was accepted, the old one is dead.
    return former?.isOtherLoginThan(current) && former.failure === undefined ? former : undefined;
  }

  /** Nothing has reached the store. Whether there is, or will be, another credential to try. */
  #mayTryAgain(serving: VersionClient, error: unknown): boolean {
    const { current, telemetry } = this.#deps.rotation;
    // The operation may have asked for the client again, after a swap.
    if (serving.hasRefused(error) || current?.hasRefused(error)) return true;
    if (!isConnectionLost(error)) return false;
    const isCurrent = serving === current;
    if (isCurrent && this.#formerInsteadOf(serving)) {
      serving.failed(error);
      void this.#recover(serving);
      return true;
    }
    if (!isCurrent) serving.failed(error);
    telemetry.connectionFailed(error);
    return false;
  }

  /**
   * While the logins of the client in use fail: rereads the secret, fast at first, and lets a login try whenever one
   * may. Goes on for as long as somebody waits, and for `authWaitMs` where nobody does.
   */
  async #recover(client: VersionClient): Promise<void> {
    if (this.#recovering === client) return;
    this.#recovering = client;
    this.#warn(client);
    const { rotation, budget, authWaitMs } = this.#deps;
    const backoff = createBackoff(RECOVERY);
    const until = performance.now() + authWaitMs;
    const isWanted = () => this.#parking.size > 0 || performance.now() < until;
    void rotation.loginRefused();
    while (this.#isFailing(client) && isWanted()) {
      await pause(backoff.next(), this.#closing.signal);
      if (!this.#isFailing(client)) break;
      if (client.isRefused) void rotation.loginRefused();
      const isLoginDue = performance.now() - this.#refusedAt >= budget.retryAfterMs && budget.left > 0;
      if (!client.isRefused || isLoginDue) await client.ping().catch(noop);
    }
    if (this.#recovering === client) this.#recovering = undefined;
  }

  #isFailing(client: VersionClient): boolean {
    const isCurrent = client === this.#deps.rotation.current;
    return isCurrent && client.failure !== undefined && !this.#closing.signal.aborted;
  }

  /** Once for each time that a credential begins to fail. */
  #warn(client: VersionClient): void {
    if (this.#warnedOf === client) return;
    this.#warnedOf = client;
    const { logger, secretId } = this.#deps.rotation;
    if (this.#formerInsteadOf(client)) {
      logger.warn({ secretId }, "New credential fails; operations fall back to the one before");
    } else {
      logger.warn({ secretId }, "Login was refused; operations need a new credential");
    }
  }

  /** Nothing logged in for as long as a callback may wait. Names both where the next version has a fault of its own. */
  #refusalOf(refused: unknown): unknown {
    const { logger, secretId, versionId, failure, telemetry } = this.#deps.rotation;
    telemetry.connectionFailed(refused);
    logger.warn(
      { secretId, authWaitMs: this.#deps.authWaitMs },
      "No credential logged in while an operation waited",
    );
    if (!failure || isMongoAuthFailure(failure.error)) return refused;
    return neitherIsUsable({ secretId, versionId, refused, failure });
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#parking.sendAway(closed);
    const { rotation } = this.#deps;
    const ended = rotation.end((current) => current.finish());
    // Nobody may use what was kept any more, so there is no grace period left to wait for.
    for (const retired of rotation.draining) void retired.finish();
    await ended;
    await this.#deps.settled();
  }
}

function closed(): KeyturnError {
  return new KeyturnError(
    "CLIENT_CLOSED",
    "The rotating client is closed; nothing can be asked of it any more",
  );
}
