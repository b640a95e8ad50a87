import type { MetricOptions } from "@opentelemetry/api";

/**
 * Every metric of the client library, with its unit. `docs/observability.md` says what to make of them. Those of
 * pools are named by https://opentelemetry.io/docs/specs/semconv/database/database-metrics/#connection-pools.
 */
export const METRICS = {
  /** Connections, idle and used, those of credentials that drain among them. */
  "db.client.connection.count": {
    unit: "{connection}",
    description: "The number of connections that are currently in the state described by the state attribute",
  },
  "db.client.connection.limit": {
    unit: "{connection}",
    description: "The maximum number of open connections allowed",
  },
  "db.client.connection.idle.min": {
    unit: "{connection}",
    description: "The minimum number of idle open connections allowed",
  },
  /** Checkouts that wait: for a connection, or for a credential that logs in. */
  "db.client.connection.pending_requests": {
    unit: "{request}",
    description: "The number of current pending requests for an open connection",
  },
  "db.client.connection.timeouts": {
    unit: "{timeout}",
    description: "The number of times that no connection could be had in time",
  },
  /** Checkouts that failed, and idle connections that were lost, by error. */
  "keyturn.connection.errors": {
    unit: "{error}",
    description: "The number of connections that could not be had, or were lost while they were idle",
  },
  /** A swap leaves them to whoever holds them, up to the drain deadline. */
  "keyturn.connection.retired": {
    unit: "{connection}",
    description: "The number of connections of retired credentials that somebody still holds",
  },
  "keyturn.login.refusals": {
    unit: "{login}",
    description: "The number of logins that the store refused",
  },
  /** By outcome: swapped or rejected. The first login of a process is none. */
  "keyturn.rotations": { unit: "{rotation}", description: "The number of rotations, by outcome" },
  "keyturn.client.recreations": {
    unit: "{client}",
    description: "The number of times that a new client or pool took the place of another one",
  },
  /** Where a notice told since when; whoever polls does not know. */
  "keyturn.rotation.detect.duration": {
    unit: "s",
    description: "From the version becoming current to our knowing of it",
  },
  "keyturn.rotation.swap.duration": {
    unit: "s",
    description: "From the hint to the new credential in use",
  },
  "keyturn.rotation.drain.duration": {
    unit: "s",
    description: "From the swap to the last connection of the old credential being closed",
  },
  /** 1 for the state that holds: up or down. Absent where no channel is configured. */
  "keyturn.channel.count": {
    unit: "{channel}",
    description: "The number of channels that bring notices, by state",
  },
} as const satisfies Record<string, MetricOptions>;

/** Seconds. A swap takes tens of milliseconds, a drain up to half a minute, and a poll finds out after minutes. */
export const DURATION_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
