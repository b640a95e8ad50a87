import type { EventEmitter } from "node:events";
import { type Attributes, type BatchObservableCallback, metrics, type Observable } from "@opentelemetry/api";
import type { RotationEvents } from "../core/rotation-events.ts";
import { DURATION_BUCKETS, METRICS } from "./metrics.ts";
import {
  CHANNEL_STATE,
  CONNECTION_STATE,
  ERROR_TYPE,
  errorTypeOf,
  givePoolNameBack,
  OUTCOME,
  POOL_NAME,
  SCOPE,
  SECRET_NAME,
  secretNameOf,
  TRIGGER,
  takePoolName,
} from "./names.ts";

/** What is told of a rotation, whatever the store. */
export interface ObservedRotation {
  readonly secretId: string;
  readonly events: EventEmitter<RotationEvents>;
  readonly channel: "up" | "down" | "none";
  /** Connections of retired credentials that somebody holds. */
  readonly heldByRetired: number;
}

/** How a pool stands, old and new credentials together. */
export interface PoolCounts {
  readonly idle: number;
  readonly used: number;
  /** Checkouts that wait. */
  readonly pending: number;
  readonly max: number;
  /** Connections that the pool keeps open at least; absent where it keeps none. */
  readonly idleMin?: number | undefined;
}

interface Observation {
  readonly of: Observable;
  readonly value: number;
  readonly with?: Attributes;
}

const histogram = (name: keyof typeof METRICS) =>
  [name, { ...METRICS[name], advice: { explicitBucketBoundaries: DURATION_BUCKETS } }] as const;
const metric = (name: keyof typeof METRICS) => [name, METRICS[name]] as const;

/**
 * Metrics of one rotating resource, by `@opentelemetry/api`: without an SDK they go nowhere and cost nothing. What
 * stands somewhere is read when the SDK collects; what happens is counted by the rotation's own events, and nothing
 * is on the way of a checkout that succeeds.
 *
 * The SDK must be registered before the pool is created.
 */
export class RotationTelemetry {
  readonly #meter = metrics.getMeter(SCOPE);
  readonly #attributes: Attributes;
  readonly #poolName: string;
  readonly #errors = this.#meter.createCounter(...metric("keyturn.connection.errors"));
  readonly #timeouts = this.#meter.createCounter(...metric("db.client.connection.timeouts"));
  #hasEnded = false;

  constructor(rotation: ObservedRotation) {
    const secretName = secretNameOf(rotation.secretId);
    this.#poolName = takePoolName(secretName);
    this.#attributes = { [POOL_NAME]: this.#poolName, [SECRET_NAME]: secretName };
    this.#count(rotation.events);
    this.#observeRotation(rotation);
  }

  /**
   * Tells of a pool's connections until `end()`.
   *
   * @param counts asked at each collection
   * @example rotation.telemetry.observePool(() => ({ idle: 1, used: 2, pending: 0, max: 10 }));
   */
  observePool(counts: () => PoolCounts): void {
    const count = this.#upDownCounter("db.client.connection.count");
    const limit = this.#upDownCounter("db.client.connection.limit");
    const idleMin = this.#upDownCounter("db.client.connection.idle.min");
    const pending = this.#upDownCounter("db.client.connection.pending_requests");
    this.#observe([count, limit, idleMin, pending], () => {
      const now = counts();
      return [
        { of: count, value: now.idle, with: { [CONNECTION_STATE]: "idle" } },
        { of: count, value: now.used, with: { [CONNECTION_STATE]: "used" } },
        { of: limit, value: now.max },
        { of: idleMin, value: now.idleMin ?? 0 },
        { of: pending, value: now.pending },
      ];
    });
  }

  /** A checkout failed for good, or an idle connection was lost. */
  connectionFailed(error: unknown): void {
    this.#errors.add(1, { ...this.#attributes, [ERROR_TYPE]: errorTypeOf(error) });
  }

  /** A checkout failed, since no connection came free or was made in time. */
  checkoutTimedOut(): void {
    this.#timeouts.add(1, this.#attributes);
    this.#errors.add(1, { ...this.#attributes, [ERROR_TYPE]: "timeout" });
  }

  /** The next collection finds nothing, and it is the last one that looks here. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    givePoolNameBack(this.#poolName);
  }

  #count(events: EventEmitter<RotationEvents>): void {
    const attributes = this.#attributes;
    const rotations = this.#meter.createCounter(...metric("keyturn.rotations"));
    const recreations = this.#meter.createCounter(...metric("keyturn.client.recreations"));
    const refusals = this.#meter.createCounter(...metric("keyturn.login.refusals"));
    const detect = this.#meter.createHistogram(...histogram("keyturn.rotation.detect.duration"));
    const swap = this.#meter.createHistogram(...histogram("keyturn.rotation.swap.duration"));
    const drain = this.#meter.createHistogram(...histogram("keyturn.rotation.drain.duration"));
    let lastDetected: string | undefined;
    events.on("rotation-detected", ({ versionId, currentSince }) => {
      // A version whose login failed for want of a store is found again and again.
      if (currentSince === undefined || versionId === lastDetected) return;
      lastDetected = versionId;
      detect.record(Math.max(0, Date.now() - Date.parse(currentSince)) / 1_000, attributes);
    });
    events.on("swapped", ({ previousVersionId, trigger, timings }) => {
      if (previousVersionId === undefined) return;
      rotations.add(1, { ...attributes, [OUTCOME]: "swapped", [TRIGGER]: trigger });
      recreations.add(1, attributes);
      if (timings.totalMs !== undefined) swap.record(timings.totalMs / 1_000, attributes);
    });
    events.on("rejected", ({ trigger }) =>
      rotations.add(1, { ...attributes, [OUTCOME]: "rejected", [TRIGGER]: trigger }),
    );
    events.on("drained", ({ drainMs }) => drain.record(drainMs / 1_000, attributes));
    events.on("login-refused", () => refusals.add(1, attributes));
  }

  #observeRotation(rotation: ObservedRotation): void {
    const retired = this.#upDownCounter("keyturn.connection.retired");
    const channel = this.#upDownCounter("keyturn.channel.count");
    this.#observe([retired, channel], () => [
      { of: retired, value: rotation.heldByRetired },
      ...(rotation.channel === "none" ? [] : (["up", "down"] as const)).map((state) => ({
        of: channel,
        value: rotation.channel === state ? 1 : 0,
        with: { [CHANNEL_STATE]: state },
      })),
    ]);
  }

  #upDownCounter(name: keyof typeof METRICS): Observable {
    return this.#meter.createObservableUpDownCounter(...metric(name));
  }

  #observe(instruments: Observable[], read: () => readonly Observation[]): void {
    const observe: BatchObservableCallback = (result) => {
      // What was never said to be none, the SDK goes on to report. Not removed under it while it goes through its list.
      if (this.#hasEnded) {
        queueMicrotask(() => this.#meter.removeBatchObservableCallback(observe, instruments));
      }
      for (const observation of read()) {
        const value = this.#hasEnded ? 0 : observation.value;
        result.observe(observation.of, value, { ...this.#attributes, ...observation.with });
      }
    };
    this.#meter.addBatchObservableCallback(observe, instruments);
  }
}
